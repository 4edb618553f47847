#' Facts at the end of training under two recipes, with a known gap
#'
#' Whether a withheld fact is answered depends on its popularity, on a lasting quality of its own, on the run, and on
#' chance; the arm `other` answers `gap` more of every fact than `base`. For examples, tests and `make validate`.
#'
#' @param facts,seeds how many.
#' @param gap difference of the chance of an answer, other less base.
#' @param fact_sd,seed_sd standard deviations of what a fact and a run of an arm add to the chance.
#' @param seed of the random numbers; NULL for the session's own.
#' @return A data.frame like the table `ends` of `docs/tables.md`, with the chance of each answer as `chance`.
#' @export
simulate_ends <- function(facts = 200L, seeds = 3L, gap = 0.1, fact_sd = 0.1, seed_sd = 0.02, seed = 1L) {
  seeded(seed, {
    popularity <- -log(seq_len(facts))
    lasting <- stats::rnorm(facts, 0, fact_sd)
    rows <- expand.grid(fact = seq_len(facts), seed = seq_len(seeds), arm = c("base", "other"), KEEP.OUT.ATTRS = FALSE)
    run <- paste(rows$arm, rows$seed, sep = "-")
    of_run <- stats::rnorm(2L * seeds, 0, seed_sd)
    chance <- 0.4 + 0.05 * (popularity - mean(popularity))[rows$fact] + lasting[rows$fact]
    # The gap is on top of what is kept within bounds, so that it is the same for every fact.
    chance <- pmin(pmax(chance, 0.1), 0.7) + of_run[match(run, unique(run))] + gap * (rows$arm == "other")
    chance <- pmin(pmax(chance, 0), 1)
    data.frame(
      run = factor(run, unique(run)), arm = rows$arm, seed = rows$seed, fact_id = factor(paste0("f", rows$fact)),
      split = factor("withheld", c("trained", "withheld")), popularity = popularity[rows$fact],
      recalled = stats::runif(nrow(rows)) < chance, chance = chance
    )
  })
}
