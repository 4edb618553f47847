# What figures of the report share beside what the R package brings (stats/R/plot_style.R).

# Made once for all figures: a theme is hundreds of objects, each of which checks itself.
themes <- new.env()
theme_report <- function() {
  if (is.null(themes$report)) themes$report <- theme_figures()
  themes$report
}

#' Height in inches of a figure with one row per item.
row_height <- function(n, each = 0.36, rest = 1.4, most = 9) min(most, max(2.4, rest + each * n))
