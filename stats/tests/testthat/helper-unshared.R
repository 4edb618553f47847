# Facts of three runs, each probed at a few checkpoints of its own. True log hazard ratios: latent 0.7, popularity 0.3.
unshared_events <- function(facts = 300L, seed = 1L, baseline = 0.25,
                            grids = list(c(2, 6, 9), c(4, 12), c(1, 8, 10)), effect = 0.7) {
  drawn <- seeded(seed, list(stats::runif(facts), stats::rnorm(facts), stats::rexp(facts)))
  latent <- drawn[[1]] < 0.5
  popularity <- drawn[[2]]
  time <- drawn[[3]] / (baseline * exp(effect * latent + 0.3 * popularity))
  run <- rep_len(seq_along(grids), facts)
  rows <- lapply(seq_len(facts), function(i) {
    checkpoints <- c(0, grids[[run[[i]]]])
    last <- checkpoints[[length(checkpoints)]]
    before <- findInterval(time[[i]], checkpoints, left.open = TRUE)
    event <- time[[i]] <= last
    data.frame(left = if (event) checkpoints[[before]] else last, right = if (event) checkpoints[[before + 1L]] else NA)
  })
  rows <- do.call(rbind, rows)
  data.frame(
    run = factor(paste0("arm-", run)), arm = "arm", seed = run, fact_id = factor(sprintf("f%04d", seq_len(facts))),
    outcome = factor("acquisition", c("acquisition", "generalisation", "degradation")), rule = factor("first"),
    start = 0, stop = ifelse(is.na(rows$right), rows$left, rows$right), event = !is.na(rows$right), rows,
    latent = factor(latent, c(FALSE, TRUE)), popularity = popularity, time = time,
    group = factor(rep_len(letters[1:8], facts))
  )
}
