# Which engine fits the random effects, and why: `fast` (TRUE or FALSE) and `note` (plain words). By cost, before
# anything is fitted: coxme where all its fits (two starts, and with `profile` about 14 for the test and the interval of
# each variance) take less than a minute, or less than the fast engine would.
choose_mixed_engine <- function(data, fixed, random, strata, engine = "auto", limit = 60, profile = TRUE) {
  if (!engine %in% mixed_engines) stop_mixed_engine(engine)
  levels <- vapply(random, function(grouping) n_distinct(data[[grouping]]), 0L)
  others <- sum(levels) - max(levels)
  one <- coxme_seconds(data, random)
  seconds <- one * (2 + 14 * length(random) * profile)
  times <- n_distinct(data$stop[data$event]) * if (length(strata)) nrow(unique(data[strata])) else 1
  why_not <- c(
    "without covariates"[!length(fixed)],
    sprintf("with %d levels beside the largest grouping and %.0f event times", others, times)[others + 2 * times > 1000]
  )
  dense <- others + 2 * times + length(fixed)
  # For each variance two searches, a test and a dozen values of its profile, of about ten evaluations each.
  fast <- 200 * length(random) * evaluation_cost(nrow(data), dense, max(levels))
  if (engine == "coxme" || (engine == "auto" && seconds <= max(limit, fast))) {
    return(list(fast = FALSE, note = character()))
  }
  if (length(why_not)) {
    note <- sprintf("the fast engine is not made for a model %s: fitted by coxme", toString(why_not))
    return(list(fast = FALSE, note = note))
  }
  list(fast = TRUE, note = sprintf(
    "fast engine (coxme would take about %.0f s for one fit, %.0f s for all; mixed_engine = \"%s\")", one, seconds,
    engine
  ))
}

# Seconds of one coxme fit, from its times on one core: rows x levels x levels of all groupings but the largest. Where
# the first of several groupings has at most 50 levels, coxme takes the whole information for dense, and searches long:
# 436 rows with 30 and 100 levels took 40 times what the former says. Not measured on the fit itself: what an analysis
# does must not depend on how busy the machine is.
coxme_seconds <- function(data, random) {
  levels <- vapply(random, function(grouping) n_distinct(data[[grouping]]), 0L)
  # However few levels there are, the rows themselves are read at each step: .7 s of 100,000.
  rows <- 6e-6 * nrow(data)
  sparse <- max(rows, 5e-7 * nrow(data) * sum(levels) * max(1, sum(levels) - max(levels)))
  if (length(random) == 1L || levels[[1L]] > 50L) return(sparse)
  max(sparse, 1e-6 * nrow(data) * length(random) * sum(levels)^2)
}

mixed_engines <- c("auto", "coxme", "fast")

stop_mixed_engine <- function(engine) {
  stop("mixed_engine = ", sQuote(paste(texts(engine), collapse = " "), FALSE), " is not known; use one of ",
       toString(dQuote(mixed_engines, FALSE)), call. = FALSE)
}
