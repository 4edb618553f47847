# What follows from facts, as events: how soon an implication is known after its fact, and who is in which state.

# Outcomes of that kind are told in their own section.
implied_outcomes <- c("implied", "implied-entry", "implied-states")

implied_counts <- function(results) {
  d <- pick(results$implied_counts, rule = results$rule)
  if (!nrow(d)) return(d)
  d$arm <- factor(as.character(d$arm), level_order(d$arm))
  stats::aggregate(cbind(implications, fact_unknown, before, at_origin, at_risk, events) ~ arm, d, sum)
}

implied_arms <- function(results) pick(results$arms, rule = results$rule, model = "implied-arms")

#' How many, the share that is known by the end of what is followed, and recipes compared.
say_implied <- function(results) {
  n <- implied_counts(results)
  word <- time_word(results$time, 2)
  clock <- paste0("An implication is at risk once its fact is known; its clock starts at the last probe at which the ",
    "fact was not. It counts as known by the rule \u201c", md(rule_words(results$rule)), "\u201d: the right answer at ",
    "rank 0 where ranks were measured, else recalled. ")
  if (!sum(n$at_risk)) return(paste0(clock, "No fact came to be known, so none was at risk."))
  last <- final_incidence(results, "implied", if (nrow(n) > 1) "arm" else "")
  share <- if (nrow(last)) {
    paste0("Of those whose fact came to be known, ", list_words(paste0("**", fmt_percent(last$incidence, 0), "** (",
      fmt_percent(last$lower, 0), " to ", fmt_percent(last$upper, 0), "; ", md(last$stratum), ")")),
      " were known by the end of what is followed. ")
  }
  paste0(clock, share, say_implied_arms(results, word))
}

say_implied_arms <- function(results, word) {
  d <- implied_arms(results)
  fit <- fit_of(results, "implied", "implied-arms")
  if (!nrow(d)) return("")
  if (nzchar(doubt_of(fit))) {
    return(paste0("How soon recipes compare is in doubt (", md(short_doubt(doubt_of(fit))), ")."))
  }
  each <- vapply(seq_len(nrow(d)), function(i) {
    x <- d[i, ]
    inside <- !is.finite(x$hr) || (x$lower <= 1 && x$upper >= 1)
    paste0("- **", md(as.character(x$arm)), "** against ", md(as.character(x$reference)), ": ",
      if (inside) "a difference is not shown at this scale: ", times_words(x$hr), " as likely in any one ",
      md(time_word(results$time)), " after its fact (95 % interval ", fmt_ratio(x$lower), " to ", fmt_ratio(x$upper),
      "; ", fmt_p(if (nrow(d) > 1) x$p_holm else x$p), ").")
  }, "")
  random <- union("run", unlist(study_value(results, c("analysis", "random"), list()))) # as plan_implied.R has it
  paste0("How soon, with random effects of ", md(list_words(by_words(random))),
    if (nrow(d) > 1) " (p corrected for the number of recipes, Holm)", ":\n\n", paste(each, collapse = "\n"))
}

figure_implied <- function(results) {
  by <- if (nrow(implied_counts(results)) > 1) "arm" else ""
  of <- function(table) pick(results[[table]], outcome = "implied", rule = results$rule, by = by, model = "km")
  plot_incidence(list(curves = of("curves"), risk_table = of("risk_table")), by, words = stratum_words,
    time = paste(time_word(results$time, 2), "since the fact was last unknown"), counted = "implications")
}

alt_implied <- function(results) {
  last <- final_incidence(results, "implied", if (nrow(implied_counts(results)) > 1) "arm" else "")
  paste0("Cumulative incidence of implications known after their facts. At the end: ",
    list_words(paste(last$stratum, fmt_percent(last$incidence))), ".")
}

table_implied_counts <- function(results) {
  d <- implied_counts(results)
  md_table(data.frame(Recipe = as.character(d$arm), Implications = fmt_n(d$implications),
    "Fact never known" = fmt_n(d$fact_unknown), "Known before its fact" = fmt_n(d$before),
    "Fact known from the start" = fmt_n(d$at_origin), "At risk" = fmt_n(d$at_risk),
    "Came to be known" = fmt_n(d$events), check.names = FALSE), "lrrrrrr")
}

#' The recipes' hazard ratios: by robust errors on both clocks, penalised, and with random effects.
table_implied <- function(results) {
  rows <- pick(results$coefficients, rule = results$rule, outcome = implied_outcomes, model = c("cox", "cox-firth"))
  arms <- implied_arms(results)
  how <- c(cox = "Cox, robust errors", "cox-firth" = "Cox, penalised (Firth)")
  clock <- c(implied = "since the fact", "implied-entry" = "of training, entering with the fact")
  told <- data.frame(Model = c(how[as.character(rows$model)], rep("Cox, random effects", nrow(arms))),
    Clock = c(clock[as.character(rows$outcome)], rep(clock[["implied"]], nrow(arms))),
    Recipe = c(as.character(rows$unit), paste(arms$arm, "vs", arms$reference)),
    "Hazard ratio (95 % interval)" = c(fmt_hr(rows$hr, rows$lower, rows$upper, rows$infinite),
      fmt_hr(arms$hr, arms$lower, arms$upper, arms$infinite)),
    p = fmt_p_value(c(rows$p, arms$p)), check.names = FALSE)
  md_table(told, "lllrr")
}
