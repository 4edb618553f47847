# Histories as a table of stays: "id: state time state time ... | end", one subject a line.
stays_of <- function(histories, states = c("unknown", "latent", "known", "forgotten", "reacquired")) {
  parts <- lapply(names(histories), function(id) {
    path <- histories[[id]]
    n <- length(path) %/% 2L
    name <- as.character(path[seq(1L, by = 2L, length.out = n)])
    time <- as.numeric(path[seq(2L, by = 2L, length.out = n)])
    data.frame(fact_id = id, run = "r", start = time[-n], stop = time[-1L], from = name[-n], to = name[-1L])
  })
  rows <- do.call(rbind, parts)
  rows$from <- factor(rows$from, states)
  rows$to <- factor(rows$to, c("censored", states))
  rows$fact_id <- factor(rows$fact_id)
  rows
}

# Facts that move between the states with constant hazards, seen at whole epochs; x multiplies every hazard by exp(0.5).
simulate_states <- function(facts = 200L, epochs = 12L, seed = 1L, runs = 1L, grid = 1) {
  set.seed(seed)
  hazards <- list(unknown = c(latent = 0.2, known = 0.1), latent = c(unknown = 0.1, known = 0.3),
                  known = c(forgotten = 0.15), forgotten = c(reacquired = 0.3), reacquired = c(forgotten = 0.2))
  x <- stats::rnorm(facts)
  one <- function(fact, run) {
    state <- sample(c("unknown", "latent", "known"), 1L, prob = c(0.5, 0.3, 0.2))
    path <- list(state, 0)
    repeat {
      rate <- hazards[[state]] * exp(0.5 * x[[fact]])
      now <- path[[length(path)]]
      wait <- max(grid, ceiling(stats::rexp(1L, sum(rate)) / grid) * grid)
      if (now + wait > epochs - grid / 2) break
      state <- sample(names(rate), 1L, prob = rate)
      path <- c(path, list(state, round(now + wait, 6L)))
    }
    c(path, list("censored", epochs))
  }
  parts <- lapply(seq_len(runs), function(run) {
    histories <- stats::setNames(lapply(seq_len(facts), one, run = run), sprintf("f%03d", seq_len(facts)))
    rows <- stays_of(histories)
    rows$run <- sprintf("r%d", run)
    rows
  })
  rows <- do.call(rbind, parts)
  number <- as.integer(sub("f", "", as.character(rows$fact_id)))
  rows$x <- x[number]
  rows$split <- factor(ifelse(number %% 3L == 0L, "withheld", "trained"), c("trained", "withheld"))
  rows$arm <- "main"
  rows$rule <- factor("first")
  rows$enum <- stats::ave(as.integer(rows$from == "forgotten"), rows$run, rows$fact_id, FUN = cumsum) + 1L
  rows$gap <- rows$stop - rows$start
  rows
}

# Plasma cell malignancy or death, whichever came first.
mgus <- local({
  data <- survival::mgus2
  malignant <- data$pstat == 1
  data.frame(
    fact_id = data$id, run = "r", start = 0, stop = ifelse(malignant, data$ptime, data$futime),
    from = factor("at risk"),
    to = factor(ifelse(malignant, "pcm", ifelse(data$death == 1, "death", "censored")), c("censored", "pcm", "death")),
    sex = data$sex, age = data$age, mspike = data$mspike
  )
})
mgus$event <- mgus$to != "censored"
