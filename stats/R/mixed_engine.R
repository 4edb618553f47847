# Which engine fits the random effects, and why: `fast` (TRUE or FALSE) and `note` (plain words).
choose_mixed_engine <- function(data, fixed, random, strata, engine = "auto", limit = 20) {
  if (!engine %in% mixed_engines) stop_mixed_engine(engine)
  levels <- vapply(random, function(grouping) n_distinct(data[[grouping]]), 0L)
  others <- sum(levels) - max(levels)
  seconds <- coxme_seconds(data, random)
  times <- n_distinct(data$stop[data$event]) * if (length(strata)) nrow(unique(data[strata])) else 1
  why_not <- c(
    "without covariates"[!length(fixed)],
    sprintf("with %d levels beside the largest grouping and %.0f event times", others, times)[others + 2 * times > 1000]
  )
  if (engine == "coxme" || (engine == "auto" && seconds <= limit)) return(list(fast = FALSE, note = character()))
  if (length(why_not)) {
    note <- sprintf("the fast engine is not made for a model %s: fitted by coxme", toString(why_not))
    return(list(fast = FALSE, note = note))
  }
  list(fast = TRUE, note = sprintf("fast engine (coxme would take about %.0f s for one fit; mixed_engine = \"%s\")",
                                   seconds, engine))
}

# Seconds of one coxme fit, from its times on one core: rows x levels x levels of all groupings but the largest. Not
# measured on the fit itself: what an analysis does must not depend on how busy the machine is.
coxme_seconds <- function(data, random) {
  levels <- vapply(random, function(grouping) n_distinct(data[[grouping]]), 0L)
  5e-7 * nrow(data) * sum(levels) * max(1, sum(levels) - max(levels))
}

mixed_engines <- c("auto", "coxme", "fast")

stop_mixed_engine <- function(engine) {
  stop("mixed_engine = ", sQuote(paste(texts(engine), collapse = " "), FALSE), " is not known; use one of ",
       toString(dQuote(mixed_engines, FALSE)), call. = FALSE)
}
