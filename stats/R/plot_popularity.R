#' Accuracy on the best-known and the least-known facts
#'
#' @param popularity table `popularity` of [accuracy_by_popularity()].
#' @param wording function that puts the figure's own words into the reader's.
#' @return A ggplot: each recipe's accuracy on the best-known x percent, and the differences from the first recipe on
#'   those and on the least-known, with the band that holds a whole curve.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' ends <- simulate_ends(facts = 100, seeds = 2, gap = 0.1, seed = 1)
#' plot_popularity(accuracy_by_popularity(ends, draws = 50)$tables$popularity)
#' @export
plot_popularity <- function(popularity, wording = identity) {
  needs_plots()
  d <- popularity_panels(popularity)
  zero <- data.frame(panel = factor(levels(d$panel)[-1], levels(d$panel)))
  ggplot2::ggplot(d, columns_as(x = "share", y = "estimate", colour = "arm", fill = "arm")) +
    ggplot2::geom_hline(data = zero, columns_as(yintercept = "0"), colour = "#555555", linewidth = 0.4) +
    ggplot2::geom_ribbon(columns_as(ymin = "band_lower", ymax = "band_upper"), alpha = 0.1, colour = NA) +
    ggplot2::geom_line(columns_as(linetype = "arm"), linewidth = 0.9) +
    ggplot2::facet_wrap("panel", scales = "free_y", labeller = ggplot2::as_labeller(function(x) wrap(x, 30))) +
    by_recipe(colours_for(level_order(popularity$arm)), wording) +
    ggplot2::scale_x_continuous(labels = percent_axis) + ggplot2::scale_y_continuous(labels = percent_axis) +
    ggplot2::labs(x = "Share of the withheld facts (x)", y = NULL) + theme_figures()
}

popularity_panels <- function(popularity) {
  first <- level_order(popularity$arm)[1]
  own <- by_itself(popularity)
  gaps <- against_first(popularity)
  names <- c("Answered, of the best-known", paste0("Difference from ", first, ", of the best-known"),
             paste0("Difference from ", first, ", of the least-known"))
  rows <- list(own[own$part == "top", ], gaps[gaps$part == "top", ], gaps[gaps$part == "bottom", ])
  d <- do.call(rbind, Map(function(x, name) cbind(x, panel = rep(name, nrow(x))), rows, names))
  d$panel <- factor(d$panel, names)
  d
}

# An arm's own values have no reference; in a CSV file an empty text is missing.
reference_of <- function(d) ifelse(is.na(d$reference), "", as.character(d$reference))

# Rows against the first recipe, or each recipe by itself.
against_first <- function(d) d[reference_of(d) == level_order(d$arm)[1], , drop = FALSE]
by_itself <- function(d) d[reference_of(d) == "", , drop = FALSE]
