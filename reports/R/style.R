# How tall a figure of the report is; how it looks is in stats/R/plot_style.R.

#' Height in inches of a figure with one row per item.
row_height <- function(n, each = 0.36, rest = 1.4, most = 9) min(most, max(2.4, rest + each * n))
