# Every fact at every checkpoint, as one picture: the order in which they are learned, what flickers, what never comes.

#' Facts are ordered by when they are first known, within relation and split; more than `most` of them share rows, of
#' which each shows what most of its facts were.
heatmap_data <- function(results, most = 500) {
  heatmap_rows(states_of_first(results), facts_of_run(pick(results$transitions, rule = results$rule), results$facts),
    most)
}

states_of_first <- function(results) fact_states(pick(results$transitions, rule = results$rule))

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

figure_heatmap <- function(results) {
  plot_heatmap(pick(results$transitions, rule = results$rule), results$facts, time = time_word(results$time),
    wording = worded)
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
