#' Cumulative incidence of interval-censored times
#'
#' Boxes are the intervals in which the curve rises (it is not told where in them), lines what holds between.
#'
#' @param curves table `turnbull` of [turnbull()].
#' @param words function of `by` and the strata, which gives them names.
#' @param time unit of the time axis, one of it.
#' @param title of the figure.
#' @return A ggplot.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' learned <- simulate_learning(facts = 60, seeds = 1, checkpoints = c(2, 5, 10), seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", "latent")
#' plot_turnbull(turnbull(ready$data, "latent", draws = 20)$tables$turnbull)
#' @export
plot_turnbull <- function(curves, words = stratum_text, time = "epoch", title = "Cumulative incidence") {
  needs_plots()
  d <- curves
  by <- if (is.null(d$by)) "" else as.character(d$by)
  d$stratum <- factor(words(by, as.character(d$stratum)), unique(words(by[1L], level_order(d$stratum))))
  colours <- colours_for(levels(d$stratum))
  boxes <- d[d$mass > 0, ]
  boxes$before <- boxes$incidence - boxes$mass
  flat <- do.call(rbind, lapply(split(d, d$stratum, drop = TRUE), function(x) {
    data.frame(x[c("stratum", "right", "incidence")], end = c(x$left[-1], max(d$right)))
  }))
  ggplot2::ggplot(d, columns_as(colour = "stratum", fill = "stratum")) +
    ggplot2::geom_rect(data = boxes, columns_as(xmin = "left", xmax = "right", ymin = "before", ymax = "incidence"),
                       alpha = 0.25, linewidth = 0.3) +
    ggplot2::geom_segment(data = flat, columns_as(x = "right", xend = "end", y = "incidence", yend = "incidence"),
                          linewidth = 0.9) +
    ggplot2::geom_linerange(data = boxes, columns_as(x = "right", ymin = "lower", ymax = "upper"), linewidth = 0.7,
                            position = ggplot2::position_dodge(width = 0.02 * max(d$right))) +
    ggplot2::scale_colour_manual(values = colours, name = NULL) +
    ggplot2::scale_fill_manual(values = colours, name = NULL) +
    ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::scale_y_continuous(labels = percent_axis, limits = c(0, NA)) +
    ggplot2::labs(title = title, x = first_upper(time), y = NULL) + theme_figures()
}
