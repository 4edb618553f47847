#' Shares of the facts in each state over time
#'
#' @param occupation the table `occupation` of [state_occupation()]; a column `group` (a factor) names the panels, by
#'   default `stratum`.
#' @param time unit of the time axis, one of it.
#' @return A ggplot.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' plot_states(data.frame(stratum = "all", time = rep(0:2, each = 2), state = c("unknown", "known"),
#'                        probability = c(1, 0, 0.6, 0.4, 0.3, 0.7)))
#' @export
plot_states <- function(occupation, time = "epoch") {
  needs_plots()
  d <- occupation
  if (is.null(d$group)) d$group <- factor(d$stratum)
  d$state <- factor(as.character(d$state), ordered_states(d$state))
  d <- d[order(d$group, d$time, d$state), ]
  d$top <- stats::ave(d$probability, d$group, d$time, FUN = cumsum)
  ggplot2::ggplot(d, columns_as(x = "time", ymin = "top - probability", ymax = "top", fill = "state")) +
    ggplot2::geom_ribbon() + ggplot2::facet_wrap("group", ncol = 2) +
    ggplot2::scale_fill_manual(values = colours_of_states(levels(d$state)), name = NULL) +
    ggplot2::scale_y_continuous(labels = percent_axis, expand = ggplot2::expansion(c(0, 0.01))) +
    ggplot2::scale_x_continuous(breaks = whole_breaks, expand = ggplot2::expansion(0)) +
    ggplot2::labs(x = first_upper(time), y = "Share of the facts") + theme_figures()
}

# The states of knowledge in their order, then those of a table of one's own as they come.
ordered_states <- function(x) {
  x <- unique(as.character(x))
  c(intersect(names(state_colours), x), setdiff(x, names(state_colours)))
}
