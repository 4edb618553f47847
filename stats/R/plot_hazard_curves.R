#' Hazard ratios over time, or over the values of a predictor
#'
#' @param effect_curves table `effect_curves` of [cox_time_varying()], [cox_pspline()], [cox_model()], or of a results
#'   folder (`docs/tables.md`).
#' @param words function of `axis`, which gives the panels' second line.
#' @return A ggplot, a panel for each term, with two bands: pointwise (dark), and of the whole curve at once (light). A
#'   curve that climbs beyond the panel leaves it.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"))
#' terms <- cbind(ready$terms, block = ready$terms$term)
#' fit <- cox_time_varying(ready$data, ready$covariates, terms = terms, time_varying = "latent", tt = "log")
#' plot_hazard_curves(fit$tables$effect_curves)
#' @export
plot_hazard_curves <- function(effect_curves, words = identity) {
  needs_plots()
  d <- effect_curves
  panel <- paste0(as.character(d$term), "\nover ", words(as.character(d$axis)))
  d$panel <- factor(panel, unique(panel))
  # The scale keeps all and the panel shows a part of it: a curve leaves the panel, and does not run along its edge.
  span <- ratio_span(d$hr, d$band_lower, d$band_upper)
  ggplot2::ggplot(d, columns_as(x = "at", y = "hr")) +
    ggplot2::geom_hline(yintercept = 1, colour = "#555555", linewidth = 0.4) +
    ggplot2::geom_ribbon(columns_as(ymin = "band_lower", ymax = "band_upper"), fill = "#0072B2", alpha = 0.12) +
    ggplot2::geom_ribbon(columns_as(ymin = "lower", ymax = "upper"), fill = "#0072B2", alpha = 0.2) +
    ggplot2::geom_line(colour = "#0072B2", linewidth = 1) +
    ggplot2::facet_wrap("panel", scales = "free_x", ncol = 2) +
    ggplot2::scale_y_log10(breaks = ratio_breaks(span), labels = fmt_number) +
    ggplot2::coord_cartesian(ylim = span) +
    ggplot2::labs(x = NULL, y = "Hazard ratio (log scale)") + theme_figures()
}
