#' A figure for a narrow screen
#'
#' @param plot a ggplot, such as the package's `plot_` functions return.
#' @return `narrow_plot()`: the same figure for a width of about 4.2 inches, with its panels under one another, its
#'   legends in columns and fewer numbers on its axis of time. `narrow_height()`: how many times as tall it should be.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' narrow_plot(plot_incidence(learned, by = "latent"))
#' @export
narrow_plot <- function(plot) {
  if (inherits(plot, "patchwork")) {
    parts <- seq_along(plot)
    for (i in parts) plot[[i]] <- narrow_plot(plot[[i]])
    return(plot)
  }
  if (inherits(plot$facet, "FacetWrap")) {
    facet <- plot$facet
    params <- facet$params
    params$ncol <- 1L
    params$nrow <- NULL
    plot$facet <- ggplot2::ggproto(NULL, facet, params = params)
  }
  plot <- fewer_ticks(plot)
  plot + ggplot2::theme(
    text = ggplot2::element_text(size = 10.5), legend.direction = "vertical", legend.box = "vertical",
    legend.box.just = "left", plot.margin = ggplot2::margin(4, 16, 4, 4),
    axis.title.x = ggplot2::element_text(hjust = 1) # a long one goes on below the names on the left
  )
}

#' @rdname narrow_plot
#' @export
narrow_height <- function(plot) {
  if (inherits(plot, "patchwork") || !inherits(plot$facet, "FacetWrap")) return(1.15)
  layout <- ggplot2::ggplot_build(plot)$layout$layout
  0.3 + 0.85 * nrow(layout) / max(as.integer(layout$ROW))
}

# Numbers that stand at the breaks of an axis (a table of who is at risk) leave room for one another: every second.
fewer_ticks <- function(plot, most = 4L) {
  scale <- plot$scales$get_scales("x")
  breaks <- if (is.null(scale)) NULL else scale$breaks
  counted <- !is.null(plot$data$stratum)
  if (!is.numeric(breaks) || (length(breaks) <= most && !counted)) return(plot)
  kept <- breaks[seq(1L, length(breaks), by = ceiling(length(breaks) / most))]
  labels <- scale$labels
  scale <- scale$clone()
  if (!is.function(labels) && length(labels) == length(breaks)) scale$labels <- labels[match(kept, breaks)]
  scale$breaks <- kept
  if (counted) scale$expand <- ggplot2::expansion(c(0.22, 0.12)) # the first number is wide
  scales <- plot$scales$clone()
  scales$scales <- lapply(scales$scales, function(s) if ("x" %in% s$aesthetics) scale else s)
  plot$scales <- scales
  if (is.data.frame(plot$data) && !is.null(plot$data$shown) && !is.null(plot$data$n_risk)) {
    plot$data <- plot$data[plot$data$time %in% kept, , drop = FALSE]
  }
  plot
}
