#' Plot of a power table
#'
#' @param table from [summarise_power()].
#' @param wanted power to aim at, drawn as a line.
#' @param title,subtitle plain words.
#' @param path an `.svg` file to write, or NULL.
#' @return The ggplot, invisibly; with `path` the path.
#' @export
power_plot <- function(table, wanted = 0.8, title = "Power", subtitle = "", path = NULL) {
  if (!requireNamespace("ggplot2", quietly = TRUE)) {
    stop("the plot needs the R package ggplot2. Remedy: restore renv.lock; the table is complete without it",
         call. = FALSE)
  }
  table <- as.data.frame(table)
  column <- as.name
  table$runs <- factor(table$seeds)
  # The intervals of different numbers of seeds stand beside one another.
  dodge <- ggplot2::position_dodge(width = 0.02 * diff(range(log(table$facts))))
  plot <- ggplot2::ggplot(table, ggplot2::aes(!!column("facts"), !!column("power"), colour = !!column("runs"))) +
    ggplot2::geom_hline(yintercept = wanted, linetype = "dashed", colour = "grey40") +
    ggplot2::geom_line(position = dodge) +
    ggplot2::geom_pointrange(ggplot2::aes(ymin = !!column("lower"), ymax = !!column("upper")), position = dodge,
                             size = 0.3) +
    ggplot2::scale_x_log10(breaks = sort(unique(table$facts))) +
    ggplot2::scale_y_continuous(limits = c(0, 1), breaks = seq(0, 1, 0.2), labels = function(x) paste(100 * x, "%")) +
    ggplot2::scale_colour_viridis_d(end = 0.85) +
    ggplot2::labs(title = title, subtitle = subtitle, x = "facts at risk", y = "power", colour = "seeds") +
    ggplot2::theme_minimal(base_size = 12) +
    ggplot2::theme(panel.grid.minor = ggplot2::element_blank(), plot.title.position = "plot")
  if (is.null(path)) return(invisible(plot))
  ggplot2::ggsave(path, plot, device = grDevices::svg, width = 7, height = 4.2)
  path
}
