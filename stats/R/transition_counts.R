# Rows of the table `transition_counts`: of the stays in each state, how many ended in which other one.
transition_counts <- function(data, by = character()) {
  stratum <- combined(data, by)
  parts <- lapply(levels(stratum), function(level) {
    own <- data[stratum == level, , drop = FALSE]
    ends <- as.data.frame(table(from = own$from, to = own$to), responseName = "events", stringsAsFactors = FALSE)
    stays <- table(own$from)
    spent <- tapply(own$stop - own$start, own$from, sum)
    data.frame(
      by = paste(by, collapse = " / "), stratum = level, from = ends$from, to = ends$to,
      at_risk = as.integer(stays[ends$from]), events = ends$events, time = as.numeric(spent[ends$from])
    )
  })
  rows <- do.call(rbind, parts)
  possible <- unique(rows[rows$events > 0L, c("from", "to")])
  keep <- paste(rows$from, rows$to) %in% paste(possible$from, possible$to) & rows$at_risk > 0L
  rows <- rows[keep, , drop = FALSE]
  rows[order(match(rows$stratum, levels(stratum)), match(rows$from, levels(data$from)),
             match(rows$to, c(levels(data$to)[-1L], levels(data$to)[[1L]]))), , drop = FALSE]
}
