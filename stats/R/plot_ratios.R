# An axis of ratios: 1 in the middle, and what lies beyond it as arrows.

# Beyond these no number is meant as such, and figures are cut there.
ratio_limits <- c(0.05, 20)

# The span of an axis of ratios: what a panel needs, within `ratio_limits`. A wild interval must not hide the rest.
ratio_span <- function(..., least = c(0.8, 1.25)) {
  range(c(least, pmin(pmax(c(...), ratio_limits[1]), ratio_limits[2])), na.rm = TRUE)
}

# What of a ratio and its interval lies within a span, and where it goes on beyond it.
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

# Ratios with their intervals, of rows prepared by `within_span`: an interval that is cut ends in an arrow, and an
# estimate beyond the axis is an arrow alone.
ratio_marks <- function(span, place = "identity", size = 2.4, ...) {
  arrow <- function(x, sign, hjust) {
    ggplot2::geom_text(columns_as(x = x), label = sign, hjust = hjust, vjust = 0.36, fontface = "bold", size = 4,
                       position = place, na.rm = TRUE, show.legend = FALSE)
  }
  list(
    ggplot2::geom_vline(xintercept = 1, colour = "#555555", linewidth = 0.4),
    ggplot2::geom_linerange(columns_as(xmin = "from", xmax = "to"), position = place, linewidth = 0.8, na.rm = TRUE),
    ggplot2::geom_point(columns_as(x = "at"), position = place, size = size, na.rm = TRUE, ...),
    arrow("goes_down", "<", 0), arrow("goes_up", ">", 1),
    ggplot2::scale_x_log10(limits = span, labels = function(x) format(signif(x, 3), trim = TRUE, drop0trailing = TRUE),
                           breaks = ratio_breaks(span))
  )
}

# Marks of an axis of ratios: the first of these rows of numbers of which three to seven lie within the span.
ratio_rows <- list(
  c(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20), c(0.05, 0.2, 1, 5, 20),
  c(0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2), c(0.5, 0.7, 1, 1.5, 2)
)

ratio_breaks <- function(span) {
  within <- lapply(ratio_rows, function(row) row[row >= span[1] & row <= span[2]])
  within[[c(which(lengths(within) >= 3 & lengths(within) <= 7), 3)[1]]]
}
