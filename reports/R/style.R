# How every figure looks: dark text on white, the colour-blind safe colours of Okabe and Ito, sizes that survive a
# phone.

palette_okabe <- c("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
knowledge_colours <- c(known = "#0072B2", latent = "#E69F00", unknown = "#D9D9D9")

colours_for <- function(levels) {
  n <- length(levels)
  stats::setNames(if (n <= length(palette_okabe)) palette_okabe[seq_len(n)] else grDevices::hcl.colors(n, "Dark 3"),
      levels)
}

theme_report <- function(base_size = 12) {
  dark <- ggplot2::element_text(colour = "#1a1a1a")
  ggplot2::theme_minimal(base_size = base_size) +
    ggplot2::theme(text = dark, axis.text = dark, strip.text = ggplot2::element_text(colour = "#1a1a1a", face = "bold",
        hjust = 0),
      panel.grid.minor = ggplot2::element_blank(), panel.grid.major = ggplot2::element_line(colour = "#e6e6e6",
          linewidth = 0.3),
      legend.position = "bottom", legend.title = ggplot2::element_text(size = ggplot2::rel(0.9)),
      plot.margin = ggplot2::margin(6, 12, 6, 6), panel.spacing = ggplot2::unit(1.2, "lines"),
      plot.title.position = "plot", plot.title = ggplot2::element_text(size = ggplot2::rel(1), face = "bold"))
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
