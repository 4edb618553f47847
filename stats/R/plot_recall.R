#' Recall over time
#'
#' Thin lines are runs with their bands, thick ones recipes: all facts of their runs together.
#'
#' @param recall the table `recall` of a results folder (`docs/tables.md`, [read_table()]).
#' @param time unit of the time axis, one of it.
#' @param wording function that puts the figure's own words into the reader's.
#' @return A ggplot.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' recall <- data.frame(run = "lora-1", arm = "lora", split = "trained", epoch = 0:3, recalled = c(5, 30, 60, 80),
#'                      facts = 100, proportion = c(0.05, 0.3, 0.6, 0.8), lower = c(0.02, 0.22, 0.5, 0.71),
#'                      upper = c(0.11, 0.4, 0.69, 0.87))
#' plot_recall(recall)
#' @export
plot_recall <- function(recall, time = "epoch", wording = identity) {
  needs_plots()
  arms <- colours_for(level_order(recall$arm))
  mean <- stats::aggregate(cbind(recalled, facts) ~ arm + split + epoch, recall, sum)
  mean$proportion <- mean$recalled / mean$facts
  ggplot2::ggplot(recall, columns_as(x = "epoch", y = "proportion", colour = "arm", fill = "arm")) +
    ggplot2::geom_ribbon(columns_as(ymin = "lower", ymax = "upper", group = "run"), alpha = 0.1, colour = NA) +
    ggplot2::geom_line(columns_as(group = "run"), linewidth = 0.35, alpha = 0.8) +
    ggplot2::geom_line(data = mean, columns_as(linetype = "arm"), linewidth = 1.1) +
    ggplot2::facet_wrap("split", labeller = split_panels(wording)) + by_recipe(arms, wording) +
    ggplot2::scale_y_continuous(labels = percent_axis, limits = c(0, 1), expand = ggplot2::expansion(0.02)) +
    ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::labs(x = first_upper(time), y = "Facts recalled") + theme_figures() + legend_if(length(arms) > 1L)
}

# "Trained facts", "Withheld facts" over panels.
split_panels <- function(wording = identity) {
  ggplot2::as_labeller(function(x) wording(paste0(first_upper(x), " facts")))
}

# Recipes by colour, and by kind of line for those who see no colours.
by_recipe <- function(colours, wording = identity, fill = TRUE) {
  name <- wording("Training recipe")
  arms <- names(colours) # legends are in their order, and become one
  list(ggplot2::scale_colour_manual(values = colours, breaks = arms, name = name),
       if (fill) ggplot2::scale_fill_manual(values = colours, breaks = arms, name = name),
       if (fill) ggplot2::scale_linetype_discrete(breaks = arms, name = name))
}

# One recipe needs no legend.
legend_if <- function(needed) if (!needed) ggplot2::theme(legend.position = "none")
