# Hazard ratios: the forest, the Schoenfeld figure, the ranked groups.

term_words <- function(d, joiner = ", ") {
  unit <- ifelse(is.na(d$unit), "", as.character(d$unit))
  ifelse(unit == "", predictor_words(d$term), paste0(predictor_words(d$term), joiner, unit))
}

forest_kinds <- c("cox-univariable" = "one predictor at a time", cox = "adjusted for the others",
  "cox-firth" = "adjusted, penalised (Firth)")

#' Univariable and multivariable hazard ratios of an outcome, in the order of the multivariable model.
forest_data <- function(results, outcome) {
  d <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = names(forest_kinds))
  if (!nrow(d)) return(d)
  d$kind <- factor(forest_kinds[as.character(d$model)], intersect(forest_kinds, forest_kinds[as.character(d$model)]))
  terms <- unique(c(as.character(d$term[d$model == "cox"]), as.character(d$term)))
  # One line a term, also where models scale it by the spread of different rows.
  adjusted <- d[order(d$model != "cox"), ]
  unit <- adjusted$unit[match(as.character(d$term), as.character(adjusted$term))]
  words <- paste0(wrap(apart(predictor_words(d$term), column_of(d$term)), 26), "\n", unit)
  d$shown <- factor(words, rev(unique(words[order(match(as.character(d$term), terms))])))
  d[!(d$infinite %in% TRUE) & is.finite(d$estimate), , drop = FALSE]
}

plot_forest <- function(results, outcome) {
  d <- forest_data(results, outcome)
  span <- ratio_span(d$hr, d$lower, d$upper)
  looks <- function(values) stats::setNames(values, forest_kinds)
  ggplot2::ggplot(within_span(d, span), ggplot2::aes(hr, shown, colour = kind, shape = kind)) +
    ratio_marks(span, ggplot2::position_dodge(width = 0.6), size = 2.8, fill = "white") +
    ggplot2::scale_colour_manual(values = looks(c("#D55E00", "#0072B2", "#009E73")), name = NULL) +
    ggplot2::scale_shape_manual(values = looks(c(21, 16, 18)), name = NULL) +
    ggplot2::labs(x = "Hazard ratio (log scale), 95 % interval", y = NULL) + theme_report()
}

cap_forest <- function(results, outcome) {
  d <- forest_data(results, outcome)
  drawn <- within_span(d, ratio_span(d$hr, d$lower, d$upper))
  cut <- any(is.finite(c(drawn$goes_down, drawn$goes_up)))
  paste0("Hazard ratios of ", md(outcome), " with 95 % intervals. Right of 1 the event comes earlier.", if (cut)
    " An arrow: it goes on beyond the axis.")
}

alt_forest <- function(results, outcome) {
  d <- forest_data(results, outcome)
  paste0("Forest plot of hazard ratios for ", outcome, ". ",
    paste0(term_words(d), ", ", d$kind, ": ", fmt_hr(d$hr, d$lower, d$upper), ".", collapse = " "))
}

#' Scaled Schoenfeld residuals with their smooth, its band, and the Cox model's constant log hazard ratio.
plot_zph <- function(results, outcome) {
  points <- pick(results$zph_points, outcome = outcome, rule = results$rule)
  curves <- pick(results$zph_curves, outcome = outcome, rule = results$rule)
  cox <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = "cox")
  cox <- cox[as.character(cox$term) %in% as.character(points$term) & is.finite(cox$estimate), ]
  name <- function(x) {
    at <- match(as.character(x), as.character(cox$term))
    wrap(ifelse(is.na(at), as.character(x), apart(term_words(cox), as.character(cox$term))[at]), 34)
  }
  order <- unique(name(c(as.character(cox$term), as.character(points$term))))
  for (d in c("points", "curves", "cox")) assign(d, within(get(d), shown <- factor(name(term), order)))
  width <- diff(range(points$time)) * 0.008
  ggplot2::ggplot(points, ggplot2::aes(time, residual)) +
    ggplot2::geom_hline(yintercept = 0, colour = "#999999", linewidth = 0.3) +
    ggplot2::geom_point(size = 0.9, alpha = 0.35, colour = "#555555",
        position = ggplot2::position_jitter(width, 0, seed = 1)) +
    ggplot2::geom_ribbon(data = curves, ggplot2::aes(time, ymin = lower, ymax = upper), inherit.aes = FALSE,
        fill = "#0072B2", alpha = 0.2) +
    ggplot2::geom_line(data = curves, ggplot2::aes(time, fit), inherit.aes = FALSE, colour = "#0072B2", linewidth = 1) +
    ggplot2::geom_hline(data = cox, ggplot2::aes(yintercept = estimate), colour = "#D55E00", linetype = "dashed",
        linewidth = 0.8) +
    ggplot2::facet_wrap(~shown, scales = "free_y", ncol = 2) + ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::labs(x = first_upper(time_word(results$time)), y = "Log hazard ratio") + theme_report()
}

#' For the caption: of very many events the table of points holds 10,000 (docs/tables.md).
say_drawn <- function(results, outcome) {
  points <- pick(results$zph_points, outcome = outcome, rule = results$rule)
  events <- max(0L, results$fits$events[as.character(results$fits$task) %in% as.character(points$task)])
  most <- max(0L, table(paste(points$task, points$term)))
  if (most != 10000L || events <= most) return("")
  paste0(" Drawn are ", fmt_n(most), " of the ", fmt_n(events), " events, evenly spaced in time; curve and test are ",
    "of all.")
}

zph_panels <- function(results, outcome) {
  length(unique(as.character(pick(results$zph_points, outcome = outcome, rule = results$rule)$term)))
}

alt_zph <- function(results, outcome) {
  d <- pick(results$zph_tests, outcome = outcome, rule = results$rule, model = "cox")
  d <- d[as.character(d$term) != "GLOBAL", ]
  paste0("Scaled Schoenfeld residuals over time with a smooth curve and its band, and a dashed line at the Cox ",
    "estimate. ",
    "Test of a constant hazard ratio: ", list_words(paste(predictor_words(d$term), fmt_p(d$p))), ".")
}
