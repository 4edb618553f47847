#' How long the plateau lasts, by the number of individuals
#'
#' @param phases,scaling tables of [learning_phases()].
#' @return A ggplot: the steps between which each run left the plateau, and the line through them beside the paper's.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' phases <- data.frame(number = rep(c(256, 512, 1024), each = 2), left = c(90, 110, 160, 190, 280, 330))
#' phases$right <- phases$left * 1.2
#' plot_scaling(phases, plateau_scaling(phases))
#' @export
plot_scaling <- function(phases, scaling) {
  needs_plots()
  d <- scaling_points(phases)
  ggplot2::ggplot(d, columns_as(x = "number")) +
    ggplot2::geom_line(data = scaling_lines(d, scaling), columns_as(y = "steps", linetype = "line"), linewidth = 0.7) +
    ggplot2::geom_linerange(columns_as(ymin = "from", ymax = "right"), data = d[!d$open, ], colour = "#0072B2",
                            linewidth = 0.9) +
    ggplot2::geom_point(columns_as(y = "middle", shape = "ended"), colour = "#0072B2", size = 2) +
    ggplot2::scale_shape_manual(values = c(ended = 16, "not over" = 2), name = "Plateau") +
    ggplot2::scale_linetype_manual(values = c(fitted = "solid", "the paper's, of its own steps" = "dashed"),
                                   name = "Line") +
    ggplot2::scale_x_log10(breaks = sort(unique(d$number)), labels = fmt_n) +
    ggplot2::scale_y_log10(labels = fmt_n) +
    ggplot2::labs(x = "Individuals (logarithmic)", y = "End of the plateau, step (logarithmic)") + theme_figures()
}

scaling_points <- function(phases) {
  d <- phases[is.finite(phases$number), ]
  d$open <- is.na(d$right)
  d$ended <- ifelse(d$open, "not over", "ended")
  d$from <- pmax(d$left, 1)
  d$middle <- ifelse(d$open, d$from, sqrt(d$from * d$right))
  d
}

scaling_lines <- function(points, scaling) {
  number <- exp(seq(log(min(points$number)), log(max(points$number)), length.out = 20))
  row <- function(term) scaling[as.character(scaling$term) == term, ][1L, ]
  rbind(data.frame(number, steps = row("factor")$estimate * number^row("exponent")$estimate, line = "fitted"),
        data.frame(number, steps = row("factor")$paper * number^row("exponent")$paper,
                   line = "the paper's, of its own steps"))
}
