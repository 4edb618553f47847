# Random effects: which groups and facts have the event sooner than their predictors explain.

random_models <- c("coxme", "frailty-gamma", "frailty-fact")

random_effects_of <- function(results, outcome, model) {
  d <- pick(results$random_effects, outcome = outcome, rule = results$rule, model = model)
  d[order(match(as.character(d$grouping), unique(as.character(d$grouping))), d$hr), ] # the largest on top
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
  span <- range(c(0.5, 2, pmin(20, pmax(0.05, c(d$hr, d$lower, d$upper)))), na.rm = TRUE)
  apart <- is.finite(d$lower) & (d$lower > 1 | d$upper < 1)
  d$apart <- factor(ifelse(apart, "interval excludes 1", "interval includes 1"),
    c("interval excludes 1", "interval includes 1"))
  ggplot2::ggplot(d, ggplot2::aes(hr, row, colour = apart, shape = apart)) +
    ggplot2::geom_vline(xintercept = 1, colour = "#555555", linewidth = 0.4) +
    ggplot2::geom_linerange(ggplot2::aes(xmin = lower, xmax = upper), linewidth = 0.8, na.rm = TRUE) +
    ggplot2::geom_point(size = 2.2) +
    ggplot2::facet_grid(by ~ ., scales = "free_y", space = "free_y") +
    ggplot2::scale_x_log10(limits = span, oob = scales::squish, labels = fmt_number, breaks = ratio_breaks(span)) +
    ggplot2::scale_y_discrete(labels = stats::setNames(wrap(name, 44), d$row)) +
    ggplot2::scale_colour_manual(values = c("#D55E00", "#0072B2"), name = NULL, drop = FALSE) +
    ggplot2::scale_shape_manual(values = c(18, 16), name = NULL, drop = FALSE) +
    ggplot2::labs(x = paste0("Hazard relative to 1 (log scale), ", interval), y = NULL) + theme_report() +
    ggplot2::theme(panel.grid.major.y = ggplot2::element_blank(), strip.text.y = ggplot2::element_text(angle = 0))
}

ratio_breaks <- function(span) {
  breaks <- c(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
  breaks <- breaks[breaks >= span[1] & breaks <= span[2]]
  if (length(breaks) > 7) intersect(breaks, c(0.05, 0.2, 1, 5, 20)) else breaks
}

plot_groups <- function(results, outcome) {
  d <- ends_of(random_effects_of(results, outcome, "coxme"))
  plot_caterpillar(d, plain_name(d$level))
}

plot_facts <- function(results, outcome) {
  d <- ends_of(random_effects_of(results, outcome, "frailty-fact"))
  plot_caterpillar(d, fact_name(results, d$level), ifelse(d$hr > stats::median(d$hr), "Soonest", "Latest"))
}

#' Which groups differ from the typical one by more than their uncertainty.
say_groups <- function(results, outcome) {
  d <- random_effects_of(results, outcome, "coxme")
  if (!nrow(d) || all(is.na(d$lower))) return("")
  ends <- function(rows) {
    paste0(md(plain_name(rows$level)), " (", fmt_hr(rows$hr, rows$lower, rows$upper), ")")
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
    return(paste0("Facts with the same predictors show no difference beyond chance (variance at zero): there is no ",
      "overdispersion, and no fact to single out."))
  }
  apart <- sum(d$lower > 1 | d$upper < 1, na.rm = TRUE)
  paste0("A fact that is soon in one run is soon in the others, beyond what its predictors explain (overdispersion): ",
    "of two facts with the same predictors the faster one is typically ", fmt_ratio(v$median_hr), " times as fast (",
    fmt_p(v$p), "). ",
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
  alt_ends(d, plain_name(d$level), paste("Groups by their random effect on", outcome))
}

alt_facts <- function(results, outcome) {
  d <- random_effects_of(results, outcome, "frailty-fact")
  alt_ends(d, fact_name(results, d$level), paste("Facts by their frailty for", outcome))
}
