# How every figure looks: dark text on white, the colour-blind safe colours of Okabe and Ito, sizes that survive a
# phone.

palette_okabe <- c("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
knowledge_colours <- c(known = "#0072B2", latent = "#E69F00", unknown = "#D9D9D9")

colours_for <- function(levels) {
  n <- length(levels)
  stats::setNames(if (n <= length(palette_okabe)) palette_okabe[seq_len(n)] else grDevices::hcl.colors(n, "Dark 3"),
      levels)
}

# Made once for all figures: a theme is hundreds of objects, each of which checks itself.
themes <- new.env()
theme_report <- function() {
  if (!is.null(themes$report)) return(themes$report)
  dark <- ggplot2::element_text(colour = "#1a1a1a")
  themes$report <- ggplot2::theme_minimal(base_size = 12) +
    ggplot2::theme(text = dark, axis.text = dark, strip.text = ggplot2::element_text(colour = "#1a1a1a", face = "bold",
        hjust = 0),
      panel.grid.minor = ggplot2::element_blank(), panel.grid.major = ggplot2::element_line(colour = "#e6e6e6",
          linewidth = 0.3),
      legend.position = "bottom", legend.margin = ggplot2::margin(0, 0, 0, 0),
      legend.box.spacing = ggplot2::unit(4, "pt"),
      legend.title = ggplot2::element_text(size = ggplot2::rel(0.9)),
      plot.margin = ggplot2::margin(6, 12, 6, 6), panel.spacing = ggplot2::unit(1.2, "lines"),
      plot.title.position = "plot", plot.title = ggplot2::element_text(size = ggplot2::rel(1), face = "bold"))
  themes$report
}

percent_axis <- function(x) paste0(formatC(100 * x, format = "fg", digits = 3), " %")

#' About seven axis breaks, at whole numbers unless all lies within a few units.
whole_breaks <- function(limits) {
  breaks <- pretty(limits, 6)
  if (diff(range(limits)) < 4) breaks else unique(round(breaks))
}

wrap <- function(x, width = 28) {
  vapply(as.character(x), function(t) paste(strwrap(t, width), collapse = "\n"), "", USE.NAMES = FALSE)
}

#' Height in inches of a figure with one row per item.
row_height <- function(n, each = 0.36, rest = 1.4, most = 9) min(most, max(2.4, rest + each * n))

#' The span of an axis of ratios: what a panel needs, within `ratio_limits`. A wild interval must not hide the rest.
ratio_span <- function(..., least = c(0.8, 1.25)) {
  range(c(least, pmin(pmax(c(...), ratio_limits[1]), ratio_limits[2])), na.rm = TRUE)
}

#' What of a ratio and its interval lies within a span, and where it goes on beyond it.
within_span <- function(d, span, at = d$hr) {
  ends <- function(x) pmin(pmax(x, span[1]), span[2])
  beyond <- function(x) is.finite(d$lower) & is.finite(d$upper) & x
  d$at <- ifelse(at >= span[1] & at <= span[2], at, NA)
  d$from <- ends(d$lower)
  d$to <- ends(d$upper)
  d$goes_down <- ifelse(beyond(d$lower < span[1]) | (is.finite(at) & at < span[1]), span[1], NA)
  d$goes_up <- ifelse(beyond(d$upper > span[2]) | (is.finite(at) & at > span[2]), span[2], NA)
  d
}

#' Ratios with their intervals, of rows prepared by `within_span`: an interval that is cut ends in an arrow, and an
#' estimate beyond the axis is an arrow alone.
ratio_marks <- function(span, place = "identity", size = 2.4, ...) {
  arrow <- function(x, sign, hjust) {
    ggplot2::geom_text(ggplot2::aes(x = {{ x }}), label = sign, hjust = hjust, vjust = 0.36, fontface = "bold",
      size = 4,
      position = place, na.rm = TRUE, show.legend = FALSE)
  }
  breaks <- ratio_breaks(span)
  list(
    ggplot2::geom_vline(xintercept = 1, colour = "#555555", linewidth = 0.4),
    ggplot2::geom_linerange(ggplot2::aes(xmin = from, xmax = to), position = place, linewidth = 0.8, na.rm = TRUE),
    ggplot2::geom_point(ggplot2::aes(x = at), position = place, size = size, na.rm = TRUE, ...),
    arrow(goes_down, "<", 0), arrow(goes_up, ">", 1),
    ggplot2::scale_x_log10(limits = span, labels = fmt_number, breaks = breaks)
  )
}

ratio_breaks <- function(span) {
  breaks <- c(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
  breaks <- breaks[breaks >= span[1] & breaks <= span[2]]
  if (length(breaks) < 3) { # a narrow axis
    fine <- c(0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2)
    breaks <- fine[fine >= span[1] & fine <= span[2]]
  }
  if (length(breaks) > 7) intersect(breaks, c(0.05, 0.2, 1, 5, 20)) else breaks
}
