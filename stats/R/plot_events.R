#' When events happen
#'
#' @param events a table of events (`docs/tables.md`) of one rule; one row for each fact, run and interval.
#' @param most times that have a bar of their own; more are counted in intervals.
#' @param time unit of the time axis, one of it.
#' @param arms all recipes in their order, which gives them their colours.
#' @param outcomes all outcomes, in the order of their panels.
#' @param wording function that puts the figure's own words into the reader's.
#' @return `plot_events()` a ggplot, a panel an outcome. `events_by_time()` its table: `outcome`, `arm`, `stop`, `n`.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' plot_events(simulate_learning(facts = 50, seeds = 1, seed = 1))
#' @export
plot_events <- function(events, most = 40, time = "epoch", arms = level_order(events$arm),
                        outcomes = level_order(events$outcome), wording = identity) {
  needs_plots()
  d <- events_by_time(events, most)
  d$outcome <- factor(first_upper(as.character(d$outcome)), first_upper(outcomes))
  ggplot2::ggplot(d, columns_as(x = "stop", y = "n", fill = "arm")) +
    ggplot2::geom_col(width = 0.85 * event_step(d)) +
    ggplot2::facet_wrap("outcome", ncol = 1, scales = "free_y") +
    ggplot2::scale_fill_manual(values = colours_for(arms), name = wording("Training recipe")) +
    ggplot2::scale_y_continuous(breaks = function(l) unique(floor(pretty(l, 4))),
                                expand = ggplot2::expansion(c(0, 0.08))) +
    ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::labs(x = first_upper(time), y = "Events, summed over runs") + theme_figures() +
    legend_if(length(arms) > 1L)
}

#' @rdname plot_events
#' @export
events_by_time <- function(events, most = 40) {
  d <- events[events$event %in% TRUE, , drop = FALSE]
  if (!nrow(d)) return(data.frame())
  d$n <- 1L
  if (length(unique(d$stop)) > most) {
    breaks <- pretty(c(0, d$stop), 30)
    d$stop <- (breaks[-1] - diff(breaks) / 2)[findInterval(d$stop, breaks, left.open = TRUE, all.inside = TRUE)]
  }
  stats::aggregate(n ~ outcome + arm + stop, d, sum)
}

# The smallest distance between two bars.
event_step <- function(d) {
  times <- sort(unique(d$stop))
  if (length(times) > 1) min(diff(times)) else 1
}
