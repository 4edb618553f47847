#' Every fact at every checkpoint
#'
#' One picture of the order in which facts are learned, what flickers, and what never comes: a row a fact, a column a
#' checkpoint. Facts are ordered by when they are first known, within relation and split.
#'
#' @param transitions the table `transitions` of a results folder (`docs/tables.md`, [read_table()]), of one event rule;
#'   its `split`, what the run itself is taught, goes before that of `facts`, which stages may leave.
#' @param facts its table `facts`.
#' @param run the run that is drawn; by default the first.
#' @param most facts that have a row of their own; more share rows, of which each shows what most of its facts were.
#' @param time unit of the time axis, one of it.
#' @param wording function that puts the figure's own words into the reader's.
#' @return `plot_heatmap()` a ggplot. `fact_states()` its cells: `fact`, `state`, `time`.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' facts <- data.frame(fact_id = 1:3, relation = "capital", split = c("trained", "trained", "withheld"))
#' stays <- data.frame(run = "lora-1", fact_id = c(1, 1, 2, 2, 3), from = c("latent", "known", "unknown", "known",
#'                     "unknown"), to = c("known", "censored", "known", "forgotten", "censored"),
#'                     start = c(0, 1, 0, 2, 0), stop = c(1, 4, 2, 4, 4))
#' plot_heatmap(stays, facts)
#' @export
plot_heatmap <- function(transitions, facts, run = NULL, most = 500, time = "epoch", wording = identity) {
  needs_plots()
  d <- heatmap_rows(fact_states(transitions, run), facts_of_run(transitions, facts, run), most)
  times <- attr(d, "times")
  shown <- intersect(whole_breaks(range(times)), times)
  if (length(shown) < 3L) shown <- times[unique(round(seq(1, length(times), length.out = 5L)))] # no even grid
  d$split <- wording(paste(first_upper(d$split), "facts"))
  d$panel <- factor(wrap(d$relation, 14))
  ggplot2::ggplot(d, columns_as(x = "time", y = "row", fill = "state")) + ggplot2::geom_raster() +
    ggplot2::facet_grid(panel ~ split, scales = "free_y", space = "free_y", switch = "y") +
    ggplot2::scale_y_reverse(expand = ggplot2::expansion(0), breaks = NULL) +
    ggplot2::scale_x_continuous(breaks = match(shown, times), labels = fmt_time(shown),
                                expand = ggplot2::expansion(0)) +
    ggplot2::scale_fill_manual(values = colours_of_states(levels(d$state)), name = NULL) +
    ggplot2::labs(x = first_upper(time), y = NULL) + theme_figures() +
    ggplot2::theme(panel.grid.major = ggplot2::element_blank(), panel.spacing.y = ggplot2::unit(0.25, "lines"),
                   strip.text.y.left = ggplot2::element_text(angle = 0, hjust = 1))
}

#' @rdname plot_heatmap
#' @export
fact_states <- function(transitions, run = NULL) {
  if (is.null(run)) run <- level_order(transitions$run)[1L]
  d <- transitions[as.character(transitions$run) == run, ]
  times <- sort(unique(c(d$start, d$stop)))
  at <- match(d$start, times)
  left <- as.character(d$to) != "censored"
  n <- match(d$stop, times) - left - at + 1 # the checkpoint that ends a stay is the next one's
  end <- left & d$stop == max(times)
  cells <- rbind(
    data.frame(fact = rep(as.character(d$fact_id), n), state = rep(as.character(d$from), n),
               time = times[sequence(n, at)]),
    data.frame(fact = as.character(d$fact_id[end]), state = as.character(d$to[end]), time = rep(max(times), sum(end)))
  )
  cells$state[cells$state == "reacquired"] <- "known"
  cells
}

# The facts with the split that they have in the run.
facts_of_run <- function(transitions, facts, run = NULL) {
  if (is.null(run)) run <- level_order(transitions$run)[1L]
  own <- transitions[as.character(transitions$run) == run, ]
  split <- as.character(own$split)[match(as.character(facts$fact_id), as.character(own$fact_id))]
  if (length(split)) facts$split <- ifelse(is.na(split), as.character(facts$split), split)
  facts
}

# Facts in their order, several to a row where there are many.
heatmap_rows <- function(cells, facts, most) {
  order_of_states <- names(state_colours)
  of <- match(cells$fact, as.character(facts$fact_id))
  cells$relation <- as.character(facts$relation)[of]
  cells$split <- as.character(facts$split)[of]
  times <- sort(unique(cells$time))
  cells <- cells[order(match(cells$state, order_of_states)), ]
  known <- cells$state == "known"
  facts <- unique(cells[c("fact", "relation", "split")])
  first <- tapply(cells$time[known], cells$fact[known], min)[facts$fact]
  lost <- tapply(cells$time[!known], cells$fact[!known], max)[facts$fact]
  share <- tapply(known, cells$fact, mean)[facts$fact]
  facts <- facts[order(facts$relation, facts$split, ifelse(is.na(first), Inf, first), -share, lost), ]
  each <- max(1, ceiling(nrow(facts) / most))
  within <- stats::ave(seq_len(nrow(facts)), facts$relation, facts$split, FUN = seq_along)
  facts$row <- (within - 1) %/% each + 1
  cells$row <- facts$row[match(cells$fact, facts$fact)]
  rows <- as.data.frame(table(cells[c("relation", "split", "row", "time", "state")]), stringsAsFactors = FALSE)
  rows <- rows[rows$Freq > 0, ]
  rows <- rows[order(-rows$Freq), ]
  rows <- rows[!duplicated(rows[c("relation", "split", "row", "time")]), ]
  rows$row <- as.integer(rows$row)
  rows$time <- match(as.numeric(rows$time), times)
  rows$state <- factor(rows$state, intersect(order_of_states, rows$state))
  attr(rows, "times") <- times
  attr(rows, "each") <- each
  rows
}
