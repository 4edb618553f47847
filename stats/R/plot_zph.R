#' Scaled Schoenfeld residuals over time
#'
#' Points, their smooth with its band, and dashed the constant log hazard ratio of the Cox model.
#'
#' @param x the tables of [cox()] as a list: `zph_points`, `zph_curves` and `coefficients`.
#' @param words function of terms, which gives panels their names.
#' @param time unit of the time axis, one of it.
#' @return A ggplot.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"))
#' plot_zph(cox(ready$data, ready$covariates)$tables)
#' @export
plot_zph <- function(x, words = identity, time = "epoch") {
  needs_plots()
  cox <- x$coefficients
  cox <- cox[as.character(cox$term) %in% as.character(x$zph_points$term) & is.finite(cox$estimate), ]
  order <- unique(words(c(as.character(cox$term), as.character(x$zph_points$term))))
  panel <- function(d) cbind(d, shown = factor(words(as.character(d$term)), order))
  points <- panel(x$zph_points)
  curves <- panel(x$zph_curves)
  width <- diff(range(points$time)) * 0.008
  ggplot2::ggplot(points, columns_as(x = "time", y = "residual")) +
    ggplot2::geom_hline(yintercept = 0, colour = "#999999", linewidth = 0.3) +
    ggplot2::geom_point(size = 0.9, alpha = 0.35, colour = "#555555",
                        position = ggplot2::position_jitter(width, 0, seed = 1)) +
    ggplot2::geom_ribbon(data = curves, columns_as(x = "time", ymin = "lower", ymax = "upper"), inherit.aes = FALSE,
                         fill = "#0072B2", alpha = 0.2) +
    ggplot2::geom_line(data = curves, columns_as(x = "time", y = "fit"), inherit.aes = FALSE, colour = "#0072B2",
                       linewidth = 1) +
    ggplot2::geom_hline(data = panel(cox), columns_as(yintercept = "estimate"), colour = "#D55E00",
                        linetype = "dashed", linewidth = 0.8) +
    ggplot2::facet_wrap("shown", scales = "free_y", ncol = 2) + ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::labs(x = first_upper(time), y = "Log hazard ratio") + theme_figures()
}
