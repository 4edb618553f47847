# Is a straight line enough for the numbers among the predictors?

form_of <- function(results, outcome, table, ...) {
  pick(results[[table]], outcome = outcome, rule = results$rule, model = "form", ...)
}

form_panels <- function(results, outcome) length(unique(as.character(form_of(results, outcome, "form_curves")$term)))

#' Left the martingale residuals with their smooth, right the curves on the log hazard; one row a predictor.
plot_form <- function(results, outcome) {
  points <- form_of(results, outcome, "form_points")
  curves <- form_of(results, outcome, "form_curves")
  terms <- unique(as.character(curves$term))
  sides <- c("martingale residuals", "log hazard")
  panel <- function(term, side) {
    all <- paste0(rep(wrap(predictor_words(terms), 30), each = 2), "\n", rep(sides, length(terms)))
    factor(paste0(wrap(predictor_words(as.character(term)), 30), "\n", side), all)
  }
  points$panel <- panel(points$term, sides[1])
  curves$panel <- panel(curves$term, ifelse(curves$shape == "residuals", sides[1], sides[2]))
  words <- c(residuals = "smooth", pspline = "penalised spline", straight = "straight line", log = "logarithm",
    spline = "natural spline")
  curves$kind <- factor(words[as.character(curves$shape)], words)
  band <- curves[curves$shape %in% c("residuals", "pspline"), ]
  # A wild end of a band must not flatten the curve: what lies beyond three times the curves' own span is cut.
  for (p in unique(as.character(band$panel))) {
    own <- range(curves$fit[curves$panel == p], 0, na.rm = TRUE)
    here <- band$panel == p
    band$lower[here] <- pmax(band$lower[here], own[1] - diff(own))
    band$upper[here] <- pmin(band$upper[here], own[2] + diff(own))
  }
  ggplot2::ggplot(curves, ggplot2::aes(value, fit)) +
    ggplot2::geom_hline(yintercept = 0, colour = "#999999", linewidth = 0.3) +
    ggplot2::geom_point(data = points, ggplot2::aes(value, residual), size = 0.9, alpha = 0.35, colour = "#555555") +
    ggplot2::geom_ribbon(data = band, ggplot2::aes(ymin = lower, ymax = upper), fill = "#0072B2", alpha = 0.2) +
    ggplot2::geom_line(ggplot2::aes(colour = kind, linetype = kind), linewidth = 0.9) +
    ggplot2::facet_wrap(~panel, scales = "free", ncol = 2) +
    ggplot2::scale_colour_manual(values = stats::setNames(c("#0072B2", "#0072B2", "#D55E00", "#009E73", "#CC79A7"),
      words), breaks = unname(words[-1]), name = NULL) +
    ggplot2::scale_linetype_manual(values = stats::setNames(c("solid", "solid", "dashed", "dotted", "dotdash"), words),
      breaks = unname(words[-1]), name = NULL) +
    ggplot2::labs(x = "Value of the predictor", y = NULL) + theme_report()
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
