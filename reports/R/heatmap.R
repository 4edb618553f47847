# Every fact at every checkpoint, as one picture: the order in which they are learned, what flickers, what never comes.

#' The state of each fact of the first run at each checkpoint, from the stays in its states.
states_at <- function(results) {
  d <- pick(results$transitions, rule = results$rule)
  d <- d[as.character(d$run) == level_order(d$run)[1], ]
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

#' Facts are ordered by when they are first known, within relation and split; more than `most` of them share rows, of
#' which each shows what most of its facts were.
heatmap_data <- function(results, most = 500) {
  cells <- states_at(results)
  of <- match(cells$fact, as.character(results$facts$fact_id))
  cells$relation <- as.character(results$facts$relation)[of]
  cells$split <- as.character(results$facts$split)[of]
  in_rows(cells[order(match(cells$state, states_order)), ], sort(unique(cells$time)), most)
}

# Facts in their order, several to a row where there are many.
in_rows <- function(cells, times, most) {
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
  rows$state <- factor(rows$state, intersect(states_order, rows$state))
  attr(rows, "times") <- times
  attr(rows, "each") <- each
  rows
}

#' The share of the histories of trained facts that are recalled at the end, of the best and the worst relation.
say_relations <- function(results) {
  h <- results$histories[results$histories$split == "trained", ]
  relation <- as.character(results$facts$relation)[match(as.character(h$fact_id), as.character(results$facts$fact_id))]
  share <- sort(tapply(h$after, relation, mean), decreasing = TRUE)
  if (length(share) < 2) return("")
  told <- unique(c(1, length(share)))
  paste0("Of the ", worded("trained facts"), ", ", list_words(paste0("**", fmt_percent(share[told], 0),
    "** of those about ",
    md(plain_name(names(share)[told])))), " were recalled at the last checkpoint.")
}

plot_heatmap <- function(results) {
  d <- heatmap_data(results)
  times <- attr(d, "times")
  shown <- intersect(whole_breaks(range(times)), times)
  d$split <- worded(paste(first_upper(d$split), "facts"))
  ggplot2::ggplot(d, ggplot2::aes(time, row, fill = state)) + ggplot2::geom_raster() +
    ggplot2::facet_grid(factor(wrap(relation, 14)) ~ split, scales = "free_y", space = "free_y", switch = "y") +
    ggplot2::scale_y_reverse(expand = ggplot2::expansion(0), breaks = NULL) +
    ggplot2::scale_x_continuous(breaks = match(shown, times), labels = fmt_time(shown),
      expand = ggplot2::expansion(0)) +
    ggplot2::scale_fill_manual(values = colours_of_states(levels(d$state)), name = NULL) +
    ggplot2::labs(x = first_upper(time_word(results$time)), y = NULL) + theme_report() +
    ggplot2::theme(panel.grid.major = ggplot2::element_blank(),
      strip.text.y.left = ggplot2::element_text(angle = 0, hjust = 1), panel.spacing.y = ggplot2::unit(0.25, "lines"))
}

cap_heatmap <- function(results) {
  d <- heatmap_data(results)
  each <- attr(d, "each")
  paste0("Every fact at every checkpoint of the run ", md(level_order(results$transitions$run)[1]), ": ",
    if (each == 1) "a row is a fact" else paste0("a row is ", fmt_n(each), " facts, and shows what most of them were"),
    ". Sorted by when a fact was first recalled, within relation and split.")
}

alt_heatmap <- function(results) {
  d <- heatmap_data(results)
  end <- d[d$time == max(d$time), ]
  share <- tapply(end$state == "known", list(end$relation, end$split), mean)
  said <- vapply(colnames(share), function(split) {
    x <- share[!is.na(share[, split]), split]
    paste0(split, " facts: ", list_words(paste(names(x), fmt_percent(x, 0))))
  }, "")
  paste0("Heat map: a row a fact, a column a checkpoint, coloured by what the model knew. Known at the end, ",
    paste(said, collapse = "; "), ".")
}
