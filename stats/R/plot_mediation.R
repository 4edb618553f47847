#' A hazard ratio as counts join the model
#'
#' @param mediation table `mediation` of [mediation_by_counts()].
#' @param panel function of the rows, which gives the panels their names.
#' @return A ggplot: a row a step, each with its concordance.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' steps <- data.frame(outcome = "acquisition", label = "latent knowledge", step = c("alone", "with counts"),
#'                     hr = c(3, 2), lower = c(2, 1.2), upper = c(4.5, 3.3), concordance = c(0.66, 0.74))
#' plot_mediation(steps)
#' @export
plot_mediation <- function(mediation, panel = function(d) paste0(capital_of(d$outcome), as.character(d$label))) {
  needs_plots()
  d <- mediation[is.finite(mediation$hr), , drop = FALSE]
  d$panel <- panel(d)
  d$panel <- factor(d$panel, unique(d$panel))
  d$told <- paste("concordance", formatC(d$concordance, format = "f", digits = 3))
  d$step <- factor(as.character(d$step), rev(level_order(d$step)))
  ggplot2::ggplot(d, columns_as(x = "hr", y = "step", xmin = "lower", xmax = "upper")) +
    ggplot2::geom_vline(xintercept = 1, colour = "#555555", linewidth = 0.4) +
    ggplot2::geom_pointrange(colour = "#0072B2") +
    ggplot2::geom_text(columns_as(label = "told"), vjust = -1, size = 3) +
    ggplot2::facet_wrap("panel", scales = "free_x", labeller = ggplot2::as_labeller(function(x) wrap(x, 26))) +
    ggplot2::scale_x_log10(expand = ggplot2::expansion(0.3)) + # room for the words beside a point at the end
    ggplot2::labs(x = "Hazard ratio (95 % interval, log scale)", y = NULL) + theme_figures()
}
