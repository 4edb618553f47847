#' The variance of random effects where labels mean nothing
#'
#' Levels that differ in nothing still get a variance, by chance and by whatever else the model leaves out. What it
#' would be: labels are dealt out anew among the rows of each stratum, so that every level keeps as many rows, and
#' nothing that a level's own rows have in common is left; then the same model is fitted again. A variance above
#' all of these is one of the levels; one among them is not shown to be more than chance.
#'
#' @inheritParams cox_mixed
#' @param group character, columns whose combinations are the levels: `c("group", "run")` is a person in a run.
#' @param strata character, columns with a baseline hazard of their own each, within which labels are dealt out.
#' @param times how often.
#' @param seed whole number; NULL draws from the caller's random numbers.
#' @return A data.frame of one row: `variance`; `shuffled_median`, `shuffled_upper` (the largest) of `times` shuffles;
#'   `p`, the share of them, the labels as they are among them, whose variance is as large.
#' @references Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9:39 (p is never 0).
#' @examplesIf requireNamespace("coxme", quietly = TRUE)
#' learned <- simulate_learning(facts = 120, seeds = 1, variance = c(group = 0.5), seed = 1)
#' variance_shuffled(learned, "group", strata = "run", times = 4)
#' @export
variance_shuffled <- function(data, group, covariates = character(), strata = character(), ties = "efron",
                              times = 19L, seed = 1L) {
  data$.level <- crossed(data[group], "/")
  cells <- if (length(strata)) crossed(data[strata], "/") else rep(1L, nrow(data))
  places <- split(seq_len(nrow(data)), cells, drop = TRUE)
  variance <- function(data) {
    fit <- cox_mixed(data, covariates, ".level", strata = strata, ties = ties, profile = FALSE)
    if (is.null(fit$tables$variances)) stop(fit$reason, call. = FALSE)
    fit$tables$variances$variance
  }
  found <- variance(data)
  shuffled <- seeded(seed, vapply(seq_len(times), function(i) {
    for (rows in places) data$.level[rows] <- data$.level[rows[sample.int(length(rows))]]
    variance(data)
  }, 0))
  data.frame(variance = found, shuffled_median = stats::median(shuffled), shuffled_upper = max(shuffled), times = times,
             p = (1 + sum(shuffled >= found)) / (1 + times))
}
