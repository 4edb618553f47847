# Random effects: which groups and facts have the event sooner than their predictors explain.

random_models <- c("coxme", "frailty-gamma", "frailty-fact")

random_effects_of <- function(results, outcome, model) {
  alike_once(results, pick(results$random_effects, outcome = outcome, rule = results$rule, model = model))
}

#' Levels in the order of their effects, the largest last. Levels with the same effect (facts with the same history and
#' the same predictors) share a row, and so do those that lie wholly beyond what figures and sentences tell apart: their
#' order would say nothing. `name`: the level in words; `alike`: how many.
alike_once <- function(results, d) {
  d <- d[order(match(as.character(d$grouping), unique(as.character(d$grouping))), d$hr), , drop = FALSE]
  told <- function(x) signif(pmin(pmax(x, ratio_limits[1]), ratio_limits[2]), 4)
  number <- function(x) match(x, unique(x)) # there may be a million levels
  same <- number(do.call(paste, lapply(list(d$grouping, told(d$hr), told(d$lower), told(d$upper)), number)))
  d$alike <- tabulate(same)[same]
  d <- d[!duplicated(same), , drop = FALSE]
  d$name <- ifelse(d$grouping == "fact_id", fact_name(results, d$level), as.character(d$level))
  d$name <- paste0(d$name, ifelse(d$alike > 1, paste0(" and ", plural(d$alike - 1, "other"), " alike"), ""))
  d
}

groups_shown <- function(results, outcome) nrow(ends_of(random_effects_of(results, outcome, "coxme")))
facts_shown <- function(results, outcome) nrow(ends_of(random_effects_of(results, outcome, "frailty-fact")))

#' Of more than three times as many levels as `ends`, the lowest and the highest of each grouping.
ends_of <- function(d, ends = 10) {
  place <- stats::ave(d$hr, as.character(d$grouping), FUN = function(x) rank(x, ties.method = "first"))
  size <- stats::ave(d$hr, as.character(d$grouping), FUN = length)
  d[size <= 3 * ends | place <= ends | place > size - ends, , drop = FALSE]
}

#' A caterpillar plot: every level with its interval, ranked.
plot_caterpillar <- function(d, name, by = predictor_words(d$grouping), interval = "95 % interval") {
  d$row <- factor(seq_len(nrow(d)))
  d$by <- factor(by, if (all(by %in% c("Soonest", "Latest"))) c("Soonest", "Latest") else unique(by))
  span <- ratio_span(d$hr, d$lower, d$upper, least = c(0.5, 2))
  apart <- is.finite(d$lower) & (d$lower > 1 | d$upper < 1)
  d$apart <- factor(ifelse(apart, "interval excludes 1", "interval includes 1"),
    c("interval excludes 1", "interval includes 1"))
  ggplot2::ggplot(within_span(d, span), ggplot2::aes(hr, row, colour = apart, shape = apart)) +
    ratio_marks(span, size = 2.2) +
    ggplot2::facet_grid(by ~ ., scales = "free_y", space = "free_y") +
    ggplot2::scale_y_discrete(labels = stats::setNames(wrap(name, 44), d$row)) +
    ggplot2::scale_colour_manual(values = stats::setNames(c("#D55E00", "#0072B2"), levels(d$apart)), name = NULL) +
    ggplot2::scale_shape_manual(values = stats::setNames(c(18, 16), levels(d$apart)), name = NULL) +
    ggplot2::labs(x = paste0("Hazard relative to 1 (log scale), ", interval), y = NULL) + theme_report() +
    ggplot2::theme(panel.grid.major.y = ggplot2::element_blank(), strip.text.y = ggplot2::element_text(angle = 0))
}

plot_groups <- function(results, outcome) {
  d <- ends_of(random_effects_of(results, outcome, "coxme"))
  plot_caterpillar(d, d$name)
}

plot_facts <- function(results, outcome) {
  d <- ends_of(random_effects_of(results, outcome, "frailty-fact"))
  plot_caterpillar(d, d$name, ifelse(d$hr > stats::median(d$hr), "Soonest", "Latest"))
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
