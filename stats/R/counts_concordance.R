# Concordance of a Cox model on counts, and the influence on it of one row of each pattern, from which its standard
# error is made (infinitesimal jackknife): as of the uncollapsed rows. survival's own is wrong for weighted rows,
# each of which it takes for one row.
#
# A pair is comparable at an event time when one of the two dies then and the other is at risk and does not. It agrees
# when the one with the larger linear predictor dies; equal predictors count half.
# NULL where the table of times and predictors would be too large.
# Therneau and Atkinson, "Concordance", vignette of survival.
concordance_of_counts <- function(counts, predictor) {
  rank <- match(predictor, sort(unique(predictor)))
  ranks <- max(rank)
  moments <- length(counts$times)
  if (as.double(ranks) * moments > 2e7) return(NULL)
  table_of <- function(rows, moment) {
    inside <- rows[moment > 0L]
    cells <- (rank[inside] - 1L) * moments + moment[moment > 0L]
    sums <- numeric(moments * ranks)
    found <- rowsum(counts$count[inside], cells)
    sums[as.integer(rownames(found))] <- found
    matrix(sums, moments)
  }
  everyone <- seq_along(rank)
  died <- which(counts$died)
  at_risk <- by_column(table_of(everyone, counts$last) - table_of(everyone, counts$first - 1L), backwards)
  deaths <- table_of(died, counts$last[died])
  others <- at_risk - deaths
  # Times x ranks: those with a lower rank, and minus those with a higher one.
  lead <- function(values) {
    upto <- t(by_column(t(values), cumsum))
    2 * upto - values - upto[, ranks]
  }
  won <- lead(others)
  pairs <- rowSums(others)
  total <- sum(rowSums(deaths) * pairs)
  somers <- sum(deaths * won) / total
  # What a row adds as a survivor of others' deaths (their lead over it), and as a death.
  survived <- rbind(0, by_column(lead(deaths) * -1, cumsum))
  survived_pairs <- c(0, cumsum(rowSums(deaths)))
  at <- function(moment) survived[cbind(moment + 1L, rank)] - somers * survived_pairs[moment + 1L]
  influence <- at(counts$last - counts$died) - at(counts$first - 1L)
  cell <- cbind(counts$last[died], rank[died])
  influence[died] <- influence[died] + won[cell] - somers * pairs[counts$last[died]]
  list(concordance = (somers + 1) / 2, influence = influence / (2 * total))
}

by_column <- function(values, fun) {
  for (column in seq_len(ncol(values))) values[, column] <- fun(values[, column])
  values
}

backwards <- function(values) rev(cumsum(rev(values)))
