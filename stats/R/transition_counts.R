# Rows of the table `transition_counts`: of the stays in each state, how many ended in which other one.
transition_counts <- function(data, by = character()) {
  stratum <- combined(data, by)
  parts <- lapply(levels(stratum), function(level) {
    own <- data[stratum == level, , drop = FALSE]
    of <- function(counts) as.numeric(counts)[match(ends$from, names(counts))]
    ends <- as.data.frame(table(from = own$from, to = own$to), responseName = "events", stringsAsFactors = FALSE)
    stays <- table(own$from)
    spent <- tapply(own$stop - own$start, own$from, sum)
    data.frame(
      by = paste(by, collapse = " / "), stratum = level, from = ends$from, to = ends$to,
      at_risk = as.integer(of(stays)), events = ends$events, time = of(spent)
    )
  })
  rows <- do.call(rbind, parts)
  possible <- unique(rows[rows$events > 0L, c("from", "to")])
  pair <- function(d) paste(match(d$from, rows$from), match(d$to, rows$to)) # by number: two pairs may paste to one text
  keep <- pair(rows) %in% pair(possible) & rows$at_risk > 0L
  rows <- rows[keep, , drop = FALSE]
  rows[order(match(rows$stratum, levels(stratum)), match(rows$from, levels(data$from)),
             match(rows$to, c(levels(data$to)[-1L], levels(data$to)[[1L]]))), , drop = FALSE]
}
