# Small pictures beside the findings, as SVG in the page itself: what a number looks like before it is read.

svg <- function(width, height, alt, ...) {
  paste0('<svg class="picture" role="img" viewBox="0 0 ', width, " ", height, '" width="', width, '" height="', height,
    '" aria-label="', in_attribute(alt), '">', paste0(c(...), collapse = ""), "</svg>")
}

#' The pictures of a finding, one under the other.
pictures <- function(...) paste0("::: {.pictures}\n", paste(c(...), collapse = "\n"), "\n:::")

#' Cumulative incidence as steps, one line a stratum, in the colours of the figure below.
spark_incidence <- function(results, outcome, width = 150, height = 52, most = 4) {
  by <- main_split(results, outcome)
  d <- curves_of(results, outcome, by)
  if (!nrow(d) || nlevels(d$stratum) > most) {
    by <- ""
    d <- curves_of(results, outcome, by)
  }
  if (!nrow(d)) return("")
  end <- follow_up(results, outcome)
  top <- max(0.05, d$incidence, na.rm = TRUE)
  colours <- colours_for(levels(d$stratum))
  lines <- vapply(levels(d$stratum), function(level) {
    x <- steps(d[d$stratum == level, ], end)
    at <- paste0(round(2 + (width - 4) * x$time / end, 1), ",",
      round(height - 2 - (height - 6) * x$incidence / top, 1))
    paste0('<polyline fill="none" stroke="', colours[[level]], '" stroke-width="2" points="', paste(at, collapse = " "),
      '"/>')
  }, "")
  axis <- paste0('<path class="axis" d="M1 1V', height - 1, "H", width, '"/>')
  square <- paste0('<span aria-hidden="true" style="color: ', colours, '">\u25a0</span> ')
  called <- levels(d$stratum)
  if (grepl("^\\S+ to \\S+$", called[1])) called[1] <- paste(plain_name(by_words(by)), called[1]) # a third of a number
  key <- if (nzchar(by)) paste0('<span class="key">', square, escape(called), "</span>", collapse = " ")
  paste0(svg(width, height, paste("Small curves:", alt_incidence(results, outcome, by)), axis, lines), "\n", key)
}

#' A ratio with its interval on a log axis from 0.05 to 20, the line at 1. An arrow where the interval goes on beyond
#' the axis; a ratio that lies beyond it has no point.
interval_bar <- function(x, outcome, width = 150, height = 18) {
  place <- function(v) {
    within <- pmin(pmax(v, ratio_limits[1]), ratio_limits[2])
    round(2 + (width - 4) * (log(within) - log(ratio_limits[1])) / diff(log(ratio_limits)), 1)
  }
  middle <- height / 2
  beyond <- c(-1, 1)[c(x$lower < ratio_limits[1], x$upper > ratio_limits[2])]
  tips <- place(ratio_limits[(beyond + 3) / 2])
  arrows <- paste0('<path class="estimate" d="M', tips, " ", middle, "l", -6 * beyond, " -4v8z\"/>", recycle0 = TRUE)
  point <- if (x$hr >= ratio_limits[1] && x$hr <= ratio_limits[2]) {
    paste0('<circle class="estimate" cx="', place(x$hr), '" cy="', middle, '" r="4"/>')
  }
  svg(width, height, paste0("Ratio of ", outcome, " with its interval: ", fmt_hr(x$hr, x$lower, x$upper)),
    '<path class="axis" d="M', place(1), " 1V", height - 1, '"/>',
    '<path class="interval" d="M', place(x$lower), " ", middle, "H", place(x$upper), '"/>', arrows, point)
}
