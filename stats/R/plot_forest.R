#' Forest plot of hazard ratios
#'
#' @param coefficients rows of the table `coefficients` of a fit ([cox()] and its kin); several fits one under the
#'   other have a column `kind` (a factor: what tells them apart), and rows of a column `shown` share a line.
#' @return A ggplot. An interval that goes on beyond the axis ends in an arrow.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"))
#' plot_forest(cox(ready$data, ready$covariates)$tables$coefficients)
#' @export
plot_forest <- function(coefficients) {
  needs_plots()
  d <- coefficients[!(coefficients$infinite %in% TRUE) & is.finite(coefficients$estimate), , drop = FALSE]
  if (is.null(d$shown)) d$shown <- factor(paste0(wrap(d$term, 26), "\n", d$unit), rev(unique(paste0(wrap(d$term, 26),
                                                                                                   "\n", d$unit))))
  if (is.null(d$kind)) d$kind <- factor(rep("adjusted for the others", nrow(d)))
  kinds <- levels(droplevels(d$kind))
  span <- ratio_span(d$hr, d$lower, d$upper)
  looks <- function(known, others) {
    named <- stats::setNames(known, forest_kinds)
    c(named, stats::setNames(others[seq_along(setdiff(kinds, forest_kinds))], setdiff(kinds, forest_kinds)))[kinds]
  }
  ggplot2::ggplot(within_span(d, span), columns_as(x = "hr", y = "shown", colour = "kind", shape = "kind")) +
    ratio_marks(span, ggplot2::position_dodge(width = 0.6), size = 2.8, fill = "white") +
    ggplot2::scale_colour_manual(values = looks(palette_okabe[c(2, 1, 3)], palette_okabe), name = NULL) +
    ggplot2::scale_shape_manual(values = looks(c(21, 16, 18), rep(c(16, 17, 15, 18, 8), 9)), name = NULL) +
    ggplot2::labs(x = "Hazard ratio (log scale), 95 % interval", y = NULL) + theme_figures()
}

# The models whose ratios stand beside one another, in their order.
forest_kinds <- c("cox-univariable" = "one predictor at a time", cox = "adjusted for the others",
                  "cox-firth" = "adjusted, penalised (Firth)")
