#' Cox model with random intercepts, fitted fast
#'
#' Maximises what `coxme` maximises, the Laplace approximation of the partial likelihood (Efron or Breslow ties)
#' integrated over Gaussian random intercepts, and uses what coxme does not: at checkpoints there are few distinct event
#' times, so that the information of a grouping is a diagonal minus few rank-one terms. What has to be factorised is as
#' small as the groupings beside the largest one, plus two rows an event time. The information is exact; coxme takes
#' that between two levels of its first grouping as zero where it has more than 50.
#'
#' @inheritParams cox_mixed
#' @param start start values of the variances: one for all, or one each.
#' @return A list: `beta` (coefficients), `b` (list of the effects of each grouping), `variance` (one per grouping),
#'   `integrated`, `penalised` and `loglik` (log likelihoods), `factor` (of the information; in it `beta_variance`, the
#'   covariances of `beta`), `converged`, `evaluations`.
#' @references Ripatti and Palmgren (2000), Biometrics 56:1016, eq. 4. Therneau, Grambsch and
#'   Pankratz (2003), JCGS 12:156.
#' @export
fit_mixed_fast <- function(data, covariates, random, strata = character(), ties = "efron", start = 0.04) {
  search_mixed(mixed_rows(data, covariates, random, strata), ties, start)
}

# The rows as counts, each grouping as codes, and which grouping is eliminated first.
mixed_rows <- function(data, covariates, random, strata = character()) {
  rows <- count_rows(data, covariates, strata, groupings = random)
  rows$levels <- vapply(rows$groups, nlevels, 0L)
  rows$codes <- lapply(rows$groups, as.integer)
  rows$large <- which.max(rows$levels)
  rows$sums <- summers(rows)
  rows
}

# The sums over rows that every step needs, each a function of one value per row.
summers <- function(rows) {
  moments <- length(rows$times)
  died <- which(rows$died)
  sets <- seq_along(rows$codes)
  cells <- function(set, moment) {
    levels <- rows$levels[[set]]
    by_index(ifelse(moment > 0L, (moment - 1) * levels + rows$codes[[set]], 0), as.double(levels) * moments)
  }
  pair <- function(a, b) {
    if (a == b) return(NULL)
    by_index((rows$codes[[b]] - 1) * rows$levels[[a]] + rows$codes[[a]], as.double(rows$levels[[a]]) * rows$levels[[b]])
  }
  dead <- replace(integer(length(rows$died)), died, rows$last[died])
  by_death <- split(seq_along(died), factor(rows$last[died], seq_len(moments)))
  list(
    level = lapply(sets, function(set) by_index(rows$codes[[set]], rows$levels[[set]])),
    until = lapply(sets, function(set) cells(set, rows$last)),
    before = lapply(sets, function(set) if (any(rows$first > 1L)) cells(set, rows$first - 1L)),
    dead = lapply(sets, function(set) cells(set, dead)),
    at_risk = at_risk_by_time(rows),
    died = function(value) summed_at(value[died], by_death),
    pair = lapply(sets, function(a) lapply(sets, pair, a = a))
  )
}

# Sums of a value per row over those at risk at each event time, as sums_at_risk(), with the rows of each time looked up
# once: a likelihood is asked for hundreds of times.
at_risk_by_time <- function(rows) {
  by_time <- function(index) split(seq_along(index), factor(index, seq_along(rows$times)))
  until <- by_time(rows$last)
  before <- if (any(rows$first > 1L)) by_time(rows$first - 1L)
  function(value) {
    change <- summed_at(value, until)
    if (!is.null(before)) change <- change - summed_at(value, before)
    rev(cumsum(rev(change)))
  }
}

summed_at <- function(value, places) vapply(places, function(rows) sum(value[rows]), 0, USE.NAMES = FALSE)

# A function that sums values by an index from 1 to size (0: left out), sorted once. Differences of cumulated sums are
# exact to 1e-16 of the total, enough for scores and information; likelihoods are summed otherwise.
by_index <- function(index, size) {
  sorted <- order(index, method = "radix")
  sorted <- sorted[index[sorted] > 0L]
  ends <- c(0L, cumsum(tabulate(index, size))) + 1L
  from <- ends[-length(ends)]
  ends <- ends[-1L]
  function(value) {
    total <- c(0, cumsum(value[sorted]))
    total[ends] - total[from]
  }
}

# Maximum over the log variances that are not fixed, from a start for each; `from` is an earlier result on these rows.
search_mixed <- function(rows, ties, start = 0.04, fixed = rep(NA_real_, length(rows$codes)), from = NULL) {
  free <- is.na(fixed)
  seen <- new.env()
  seen$last <- from
  seen$evaluations <- 0L
  objective <- function(log_variance) {
    seen$last <- mixed_maximum(rows, replace(fixed, free, exp(log_variance)), ties, seen$last)
    seen$evaluations <- seen$evaluations + 1L
    -seen$last$integrated
  }
  converged <- TRUE
  best <- numeric()
  if (any(free)) {
    # The curvature is about that of as many known normal values as there are levels: half their number.
    # Below 1e-5 a variance is zero for all that can be seen.
    found <- stats::nlminb(log(rep_len(start, length(free))[free]), objective, scale = sqrt(rows$levels[free] / 2),
                           lower = log(1e-5), upper = log(50), control = list(rel.tol = 1e-9))
    converged <- found$convergence == 0L
    best <- found$par
  }
  objective(best)
  last <- seen$last
  c(last, list(converged = last$settled && converged, evaluations = seen$evaluations))
}
