# Random effects: which groups and facts have the event sooner than their predictors explain.

random_models <- c("coxme", "frailty-gamma", "frailty-fact")

random_effects_of <- function(results, outcome, model, ends = Inf) {
  named_effects(results, pick(results$random_effects, outcome = outcome, rule = results$rule, model = model), ends)
}

#' Levels in the order of their effects, those of facts by the facts' names.
named_effects <- function(results, d, ends = Inf) {
  ranked_effects(d, function(level, grouping) {
    ifelse(grouping == "fact_id", fact_name(results, level), as.character(level))
  }, ends)
}

groups_shown <- function(results, outcome) nrow(random_effects_of(results, outcome, "coxme", 10))
facts_shown <- function(results, outcome) nrow(random_effects_of(results, outcome, "frailty-fact", 10))

figure_groups <- function(results, outcome) {
  d <- random_effects_of(results, outcome, "coxme", 10)
  plot_caterpillar(d, predictor_words(d$grouping))
}

figure_facts <- function(results, outcome) {
  d <- random_effects_of(results, outcome, "frailty-fact", 10)
  plot_caterpillar(d, ifelse(d$hr > stats::median(d$hr), "Soonest", "Latest"))
}

#' Which groups differ from the typical one by more than their uncertainty.
say_groups <- function(results, outcome) {
  d <- random_effects_of(results, outcome, "coxme")
  if (!nrow(d) || all(is.na(d$lower))) return("")
  ends <- function(rows) {
    paste0(md(rows$name), " (", fmt_hr(rows$hr, rows$lower, rows$upper), ")")
  }
  fast <- d[which(d$lower > 1), ]
  slow <- d[which(d$upper < 1), ]
  if (!nrow(fast) && !nrow(slow)) {
    return("No group stands out: every interval includes the typical one, so read nothing into the ranking.")
  }
  paste0(c(if (nrow(fast)) paste0("Sooner than the predictors explain: ", list_some(rev(ends(fast)), 4), ". "),
    if (nrow(slow)) paste0("Later: ", list_some(ends(slow), 4), ". "),
    "Look there for what the predictors miss."), collapse = "")
}

#' The same for facts, and how much the facts differ at all.
say_facts <- function(results, outcome) {
  d <- random_effects_of(results, outcome, "frailty-fact")
  v <- utils::head(pick(results$variances, outcome = outcome, rule = results$rule, model = "frailty-fact"), 1)
  if (!nrow(d) || !nrow(v)) return("")
  if (v$boundary %in% TRUE) {
    return(paste0("These data do not show that facts with the same predictors differ (the variance is estimated as 0",
      if (is.finite(v$upper)) paste0(", and its interval reaches to ", fmt_number(v$upper)), "): there is no fact to ",
      "single out."))
  }
  apart <- sum(d$alike[which(d$lower > 1 | d$upper < 1)])
  paste0("A fact that is soon in one run is soon in the others, beyond what its predictors explain (overdispersion): ",
    "of two facts with the same predictors the faster one is typically ", times_words(v$median_hr, ""), " as fast (",
    fmt_p(v$p), "). ", say_ground(results, v),
    if (apart) paste0("For ", plural(apart, "fact"), " the interval excludes the average.") else
      "No single fact stands out from the average by more than its uncertainty.",
    " @fig-", outcome_id(outcome), "-facts names both ends.")
}

alt_ends <- function(d, name, what, interval = "95 % interval") {
  n <- nrow(d)
  paste0(what, ", ranked, each with its ", interval, ": lowest ", name[1], " (", fmt_hr(d$hr[1], d$lower[1],
    d$upper[1]), "), highest ", name[n], " (", fmt_hr(d$hr[n], d$lower[n], d$upper[n]), ").")
}

alt_groups <- function(results, outcome) {
  d <- random_effects_of(results, outcome, "coxme")
  d <- d[order(d$hr), ]
  alt_ends(d, d$name, paste("Groups by their random effect on", outcome))
}

alt_facts <- function(results, outcome) {
  d <- random_effects_of(results, outcome, "frailty-fact")
  alt_ends(d, d$name, paste("Facts by their frailty for", outcome))
}
