# Is a straight line enough for the numbers among the predictors?

form_of <- function(results, outcome, table, ...) {
  pick(results[[table]], outcome = outcome, rule = results$rule, model = "form", ...)
}

form_panels <- function(results, outcome) length(unique(as.character(form_of(results, outcome, "form_curves")$term)))

figure_form <- function(results, outcome) {
  of <- function(table) form_of(results, outcome, table)
  plot_form(list(form_points = of("form_points"), form_curves = of("form_curves")), predictor_words)
}

alt_form <- function(results, outcome) {
  d <- form_of(results, outcome, "form_tests", part = "nonlinear")
  paste0("For each numeric predictor of ", outcome, " the martingale residuals with their smooth, and the log ",
    "hazard as a penalised spline with its 95 % band beside the straight line. Test of what a ",
    "straight line leaves out: ",
    list_words(paste(predictor_words(d$term), fmt_p(d$p))), ".")
}

say_form <- function(results, outcome) {
  d <- form_of(results, outcome, "form_tests", part = "nonlinear")
  if (!nrow(d)) return("")
  bent <- d[which(d$p < 0.05), ]
  ref <- paste0(" In @fig-", outcome_id(outcome), "-form the spline and the straight line should lie close together.")
  if (!nrow(bent)) {
    return(paste0("A straight line serves every numeric predictor (", list_words(paste(md(lower_first(predictor_words(
      d$term))), fmt_p(d$p))), " for what it leaves out).", ref))
  }
  paste0("The effect of ", list_words(paste0(md(lower_first(predictor_words(bent$term))), " (", fmt_p(bent$p), ")")),
    " is **not a straight line** on the log hazard: its hazard ratio per unit is an average. Read the curve in @fig-",
    outcome_id(outcome), "-form, and compare the shapes in @tbl-", outcome_id(outcome), "-form: the lowest AIC ",
    "describes the data best.")
}

form_bent <- function(results, outcome) {
  d <- form_of(results, outcome, "form_shapes")
  d[as.character(d$term) %in% as.character(d$term[d$shape != "straight"]), , drop = FALSE]
}

table_form <- function(results, outcome) {
  d <- form_bent(results, outcome)
  words <- c(straight = "Straight line (original)", log = "Logarithm", spline = "Natural spline")
  main <- unique(as.character(stats::na.omit(d$main)))
  out <- data.frame(Predictor = ifelse(duplicated(d$term), "", predictor_words(d$term)),
    Shape = unname(words[as.character(d$shape)]), "From" = fmt_number(d$from), To = fmt_number(d$to),
    "Hazard ratio (95 % interval)" = fmt_hr(d$hr, d$lower, d$upper), AIC = fmt_number(d$aic, 6), check.names = FALSE)
  if (length(main)) {
    out[[paste("Ratio of", lower_first(predictor_words(main[1])))]] <- fmt_hr(d$main_hr, d$main_lower, d$main_upper)
  }
  md_table(out, paste0("ll", strrep("r", ncol(out) - 2)))
}
