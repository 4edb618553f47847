# How every figure looks: dark text on white, the colour-blind safe colours of Okabe and Ito, sizes that survive a
# phone. Columns are named by text: R's check knows no others.

columns_as <- function(...) do.call(ggplot2::aes, lapply(list(...), str2lang))

needs_plots <- function() {
  absent <- Filter(function(name) !requireNamespace(name, quietly = TRUE), c("ggplot2", "patchwork"))
  if (length(absent)) {
    stop("figures need the R package ", paste(absent, collapse = " and "), ". Remedy: restore renv.lock", call. = FALSE)
  }
}

palette_okabe <- c("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
knowledge_colours <- c(known = "#0072B2", latent = "#E69F00", unknown = "#D9D9D9")
state_colours <- c(neither = "#D9D9D9", "fact only" = "#56B4E9", "implication only" = "#E69F00", both = "#0072B2",
                   unknown = "#D9D9D9", latent = "#E69F00", known = "#0072B2", forgotten = "#D55E00",
                   reacquired = "#56B4E9")

colours_for <- function(levels) {
  n <- length(levels)
  stats::setNames(if (n <= length(palette_okabe)) palette_okabe[seq_len(n)] else grDevices::hcl.colors(n, "Dark 3"),
                  levels)
}

# Colours by state, those of knowledge being fixed; what else there is takes those that are left, grey first.
colours_of_states <- function(states) {
  known <- state_colours[intersect(states, names(state_colours))]
  other <- setdiff(states, names(known))
  left <- setdiff(c("#D9D9D9", colours_for(seq_len(max(0, length(other) - 1) + length(known)))), known)
  c(known, stats::setNames(left[seq_along(other)], other))[states]
}

theme_figures <- function() {
  dark <- ggplot2::element_text(colour = "#1a1a1a")
  ggplot2::theme_minimal(base_size = 12) +
    ggplot2::theme(
      text = dark, axis.text = dark,
      strip.text = ggplot2::element_text(colour = "#1a1a1a", face = "bold", hjust = 0),
      panel.grid.minor = ggplot2::element_blank(),
      panel.grid.major = ggplot2::element_line(colour = "#e6e6e6", linewidth = 0.3),
      legend.position = "bottom", legend.margin = ggplot2::margin(0, 0, 0, 0),
      legend.box.spacing = ggplot2::unit(4, "pt"), legend.title = ggplot2::element_text(size = ggplot2::rel(0.9)),
      plot.margin = ggplot2::margin(6, 12, 6, 6), panel.spacing = ggplot2::unit(1.2, "lines"),
      plot.title.position = "plot", plot.title = ggplot2::element_text(size = ggplot2::rel(1), face = "bold")
    )
}

percent_axis <- function(x) paste0(formatC(100 * x, format = "fg", digits = 3), " %")

# About seven axis breaks, at whole numbers unless all lies within a few units.
whole_breaks <- function(limits) {
  breaks <- pretty(limits, 6)
  if (diff(range(limits)) < 4) breaks else unique(round(breaks))
}

wrap <- function(x, width = 28) {
  vapply(as.character(x), function(t) paste(strwrap(t, width), collapse = "\n"), "", USE.NAMES = FALSE)
}

level_order <- function(x) if (is.factor(x)) levels(droplevels(x)) else unique(as.character(x))
