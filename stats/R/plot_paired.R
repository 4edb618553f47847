#' Differences between recipes, fact by fact
#'
#' `plot_attention_change()`: by layer. `plot_sweep()`: by the value of a setting.
#'
#' @param paired table `paired` of [attention_by_arm()] or [gaps_by_setting()].
#' @param arms all recipes in their order, which gives them their colours.
#' @param words function of the settings' names.
#' @param wording function that puts the figure's own words into the reader's.
#' @return A ggplot.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' gaps <- data.frame(by = "epochs", at = c(1, 4, 10), measure = "accuracy", arm = "top", reference = "bottom",
#'                    estimate = c(0.01, 0.04, 0.08), lower = c(-0.02, 0, 0.03), upper = c(0.04, 0.08, 0.12))
#' plot_sweep(gaps, arms = c("bottom", "top"))
#' @export
plot_sweep <- function(paired, arms = level_order(paired$arm), words = identity, wording = identity) {
  needs_plots()
  d <- paired[reference_of(paired) == arms[1], , drop = FALSE]
  d$panel <- paste0(first_upper(as.character(d$measure)), ", by ", words(as.character(d$by)))
  d$where <- factor(fmt_number(d$at), fmt_number(sort(unique(d$at))))
  points_of_difference(d, "where", 0.5) + ggplot2::facet_wrap("panel", scales = "free") +
    ggplot2::scale_colour_manual(values = colours_for(arms), name = wording("Training recipe"),
                                 breaks = level_order(d$arm)) +
    ggplot2::labs(x = NULL, y = paste("Difference from", level_order(d$reference)[1], "in points")) + theme_figures()
}

# In percentage points, those of different recipes beside one another.
points_of_difference <- function(d, x, width) {
  ggplot2::ggplot(d, columns_as(x = x, y = "100 * estimate", colour = "arm")) +
    ggplot2::geom_hline(yintercept = 0, colour = "#555555", linewidth = 0.4) +
    ggplot2::geom_pointrange(columns_as(ymin = "100 * lower", ymax = "100 * upper"), na.rm = TRUE,
                             position = ggplot2::position_dodge(width))
}

#' @rdname plot_sweep
#' @export
plot_attention_change <- function(paired, wording = identity) {
  needs_plots()
  d <- attention_panels(paired)
  points_of_difference(d, "at", 0.4) + ggplot2::facet_wrap("panel", scales = "free_y", ncol = 2) +
    ggplot2::scale_colour_manual(values = colours_for(level_order(d$arm)), name = wording("Training recipe")) +
    ggplot2::scale_x_continuous(breaks = function(limits) unique(round(pretty(limits, 8)))) +
    ggplot2::labs(x = "Layer", y = "Points of attention") + theme_figures()
}

# The change of each recipe, and the difference from the first one's, which is told within facts and seeds.
attention_panels <- function(paired) {
  parts <- list(by_itself(paired), against_first(paired))
  names <- c("change", paste("difference from", level_order(paired$arm)[1]))
  d <- do.call(rbind, Map(function(x, name) cbind(x, panel = rep(name, nrow(x))), parts, names))
  d$panel <- paste0(first_upper(as.character(d$measure)), ": ", d$panel)
  d
}
