#' Cox model on counts of identical rows
#'
#' Probing at checkpoints leaves few distinct times, and with few covariate patterns most rows are identical. The
#' partial likelihood needs only their counts: sums over the risk set are sums over patterns, and with `d` deaths at a
#' time, Efron's `d` terms are those of `d` tied rows whatever their number. This is the likelihood of all rows, not the
#' one of weighted rows (`coxph(weights = )` averages the weights of tied deaths, which is another likelihood).
#'
#' @inheritParams cox
#' @param share used where there are at most this many patterns per row; else NULL is returned.
#' @return NULL where rows do not collapse, where the estimate is infinite or not unique (`coxph()` then says how), or
#'   where a covariate is constant in a stratum; else
#'   an object of class `cox_counts` with the fields of a `coxph` fit that this package reads: `coefficients`, `var`,
#'   `naive.var` (with a cluster), `loglik` (at 0 and at the maximum), `iter`, `concordance`, `info`.
#' @references Efron (1977), JASA 72:557, eq. 5.9. Lin and Wei (1989), JASA 84:1074 (robust errors).
#' @export
fit_cox_counts <- function(data, covariates, strata = character(), cluster = "", ties = "efron", share = 0.25) {
  counts <- count_rows(data, covariates, strata, share)
  if (is.null(counts)) return(NULL)
  if (length(strata) && !varies_everywhere(counts)) return(NULL)
  fit_counted(counts, ties, if (nzchar(cluster)) data[[cluster]])
}

fit_counted <- function(counts, ties, cluster = NULL) {
  fit <- maximise_counts(counts, ties)
  if (is.null(fit)) return(NULL)
  agreement <- concordance_of_counts(counts, drop(counts$x %*% fit$coefficients))
  if (is.null(agreement)) return(NULL)
  # What each row changes in the coefficients and in the concordance; within a cluster that adds up.
  change <- cbind(if (!is.null(cluster)) score_residuals(fit) %*% fit$variance, agreement$influence)
  squares <- if (is.null(cluster)) {
    crossprod(change * sqrt(counts$count))
  } else {
    crossprod(sums_by_cluster(change, counts$pattern, cluster))
  }
  last <- ncol(change)
  errors <- list(var = fit$variance)
  if (!is.null(cluster)) errors <- list(var = squares[-last, -last, drop = FALSE], naive.var = fit$variance)
  concordance <- c(concordance = agreement$concordance, std = sqrt(squares[last, last]))
  structure(
    c(fit["coefficients"], errors, list(
      loglik = fit$loglik, iter = fit$iterations, concordance = concordance, info = c(convergence = 0), fit = fit,
      ties = ties
    )),
    class = "cox_counts"
  )
}

# Column sums of `change` over the rows of each cluster. One sort and differences of cumulative sums (R adds up in long
# double): a third of the time of rowsum(), which looks up every row in a table of texts.
sums_by_cluster <- function(change, pattern, cluster) {
  group <- if (is.factor(cluster)) bare_codes(cluster) else match(cluster, unique(cluster))
  pattern <- pattern[order(group, method = "radix")]
  ends <- cumsum(tabulate(group))
  apply(change, 2L, function(column) diff(c(0, cumsum(column[pattern])[ends])))
}

# Does every covariate vary in every stratum? Where not, survival leaves the stratum out of its Schoenfeld residuals.
varies_everywhere <- function(counts) {
  for (stratum in unique(counts$stratum)) {
    x <- counts$x[counts$stratum == stratum, , drop = FALSE]
    if (any(apply(x, 2L, function(column) diff(range(column))) == 0)) return(FALSE)
  }
  TRUE
}

# The counts of one window of time, (from, to]: only its event times are left.
window_of_counts <- function(counts, from, to) {
  inside <- counts$times > from & counts$times <= to
  number <- c(0L, cumsum(inside))
  counts$died <- counts$died & c(FALSE, inside)[counts$last + 1L]
  counts$first <- number[counts$first] + 1L
  counts$last <- number[counts$last + 1L]
  counts$times <- counts$times[inside]
  counts
}

# One row per pattern: x (covariates, centred), count, died, and the event times `first` to `last` at which it is at
# risk. Event times are numbered through, stratum after stratum, so that sums over time never mix two strata.
count_rows <- function(data, covariates, strata, share = 1, groupings = character()) {
  collapsed <- collapse_rows(data, c("event", strata, "stop", "start", groupings, covariates), share * nrow(data))
  if (is.null(collapsed)) return(NULL)
  rows <- data[collapsed$row, c("start", "stop", "event", strata, covariates), drop = FALSE]
  parts <- lapply(covariates, function(column) design_matrix(rows, column))
  x <- if (length(parts)) do.call(cbind, parts) else matrix(0, nrow(rows), 0L)
  # Times that differ by rounding only are one time, as in coxph().
  y <- unclass(survival::aeqSurv(survival::Surv(rows$start, rows$stop, rows$event)))
  stratum <- if (length(strata)) row_patterns(rows, strata) else rep(1L, nrow(rows))
  died <- y[, 3L] == 1
  distinct <- sort(unique(c(y[, 1:2])))
  position <- function(time) stratum * (length(distinct) + 1) + match(time, distinct)
  moments <- sort(unique(position(y[, 2L])[died]))
  last <- findInterval(position(y[, 2L]), moments)
  # Twice, since what rounding leaves of a mean far from zero is large beside a small spread.
  for (pass in 1:2) x <- sweep(x, 2L, colSums(x * collapsed$count) / sum(collapsed$count))
  list(
    x = x, column = rep(covariates, vapply(parts, ncol, 0L)), count = collapsed$count, died = died,
    first = findInterval(position(y[, 1L]), moments) + 1L, last = last,
    times = y[died, 2L][match(seq_along(moments), last[died])], start = y[, 1L], stop = y[, 2L], stratum = stratum,
    groups = lapply(data[groupings], function(grouping) factor(grouping[collapsed$row])), pattern = collapsed$pattern
  )
}

# Newton's method with step halving. NULL where there is no finite, unique maximum to be sure of.
maximise_counts <- function(counts, ties, limit = 30L) {
  at <- likelihood_of_counts(counts, rep(0, ncol(counts$x)), ties)
  loglik <- at$loglik
  width <- apply(counts$x, 2L, function(x) diff(range(x)))
  for (iteration in seq_len(limit)) {
    variance <- inverse_of(information_of_counts(counts, at))
    if (is.null(variance)) return(NULL)
    step <- drop(variance %*% at$score)
    # Twice what is still to be gained: the last step starts within 1e-5 standard errors, and squares that.
    settled <- sum(step * at$score) < 1e-10
    ahead <- likelihood_of_counts(counts, at$coefficients + step, ties)
    for (halving in seq_len(20L)) {
      if (settled || (is.finite(ahead$loglik) && ahead$loglik >= at$loglik)) break
      step <- step / 2
      ahead <- likelihood_of_counts(counts, at$coefficients + step, ties)
    }
    at <- ahead
    # A hazard ratio of e^5 over a covariate's range may be on its way to infinity: see is_infinite().
    if (!is.finite(at$loglik) || any(abs(at$coefficients) * width > 5)) return(NULL)
    if (settled) break
  }
  if (!settled) return(NULL)
  information <- information_of_counts(counts, at)
  variance <- inverse_of(information)
  if (is.null(variance)) return(NULL)
  names <- colnames(counts$x)
  list(coefficients = stats::setNames(at$coefficients, names), variance = variance, information = information,
       loglik = c(loglik, at$loglik), iterations = iteration, counts = counts, at = at)
}

inverse_of <- function(information) {
  scale <- sqrt(diag(information))
  if (any(!is.finite(scale)) || any(scale <= 0)) return(NULL)
  root <- tryCatch(chol(information / tcrossprod(scale)), error = function(e) NULL)
  # The tolerance of coxph()'s own Cholesky factor.
  if (is.null(root) || min(diag(root))^2 < .Machine$double.eps^0.75) return(NULL)
  chol2inv(root) / tcrossprod(scale)
}

# Log likelihood, score, and the sums that everything else is made of. At each event time: deaths d, sums of the risk
# exp(xb) over those at risk (r0; r1 times x) and over the deaths (d0, d1), and the sums over tied deaths of tie_sums().
likelihood_of_counts <- function(counts, coefficients, ties) {
  moments <- length(counts$times)
  died <- which(counts$died)
  moment <- counts$last[died]
  eta <- drop(counts$x %*% coefficients)
  risk <- counts$count * exp(eta)
  weighted <- cbind(risk, risk * counts$x)
  at_risk <- sums_at_risk(weighted, counts)
  dead <- sums_at(weighted[died, , drop = FALSE], moment, moments)
  deaths <- sums_at(cbind(counts$count[died], counts$count[died] * counts$x[died, , drop = FALSE]), moment, moments)
  tied <- tie_sums(deaths[, 1L], at_risk[, 1L], dead[, 1L], ties)
  r1 <- at_risk[, -1L, drop = FALSE]
  d1 <- dead[, -1L, drop = FALSE]
  expected <- r1 * tied$w - d1 * tied$cw
  observed <- deaths[, -1L, drop = FALSE]
  list(
    coefficients = coefficients, loglik = sum((counts$count * eta)[died]) - sum(tied$log),
    score = colSums(observed) - colSums(expected), by_time = observed - expected,
    risk = risk, eta = eta, deaths = deaths[, 1L], r0 = at_risk[, 1L], d0 = dead[, 1L], r1 = r1, d1 = d1,
    expected = expected, tied = tied
  )
}

# Sum over event times of g times the variance of the covariates over the risk set.
information_of_counts <- function(counts, at, g = rep(1, length(counts$times))) {
  tied <- at$tied
  weight <- at$risk * drop(sums_over_time(g * tied$w, counts))
  died <- which(counts$died)
  weight[died] <- weight[died] - at$risk[died] * (g * tied$cw)[counts$last[died]]
  mixed <- crossprod(at$r1 * (g * tied$cww), at$d1)
  crossprod(counts$x * weight, counts$x) -
    (crossprod(at$r1 * (g * tied$ww), at$r1) - mixed - t(mixed) + crossprod(at$d1 * (g * tied$ccww), at$d1))
}

# Column sums of the rows at each index from 1 to `size`.
sums_at <- function(values, index, size) {
  sums <- matrix(0, size, ncol(values))
  inside <- which(index > 0L)
  found <- rowsum(values[inside, , drop = FALSE], index[inside])
  sums[as.integer(rownames(found)), ] <- found
  sums
}

# Column sums over those at risk: from the last event time backwards, in with `last` and out before `first`.
sums_at_risk <- function(values, counts) {
  size <- length(counts$times)
  change <- sums_at(values, counts$last, size) - sums_at(values, counts$first - 1L, size)
  for (column in seq_len(ncol(change))) change[, column] <- rev(cumsum(rev(change[, column])))
  change
}

# For each pattern, column sums over the event times at which it is at risk.
sums_over_time <- function(values, counts) {
  values <- rbind(0, as.matrix(values))
  for (column in seq_len(ncol(values))) values[, column] <- cumsum(values[, column])
  values[counts$last + 1L, , drop = FALSE] - values[counts$first, , drop = FALSE]
}
