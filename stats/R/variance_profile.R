# Intervals and tests of a variance, from its profile likelihood.

# Likelihood ratio test of a variance of zero: zero is on the boundary, where half of the time nothing is seen at all,
# so that the reference is half a chi-squared of no and half of one degree of freedom.
# Self and Liang (1987), Journal of the American Statistical Association 82:605.
boundary_test <- function(loglik, without) {
  chisq <- max(0, 2 * (loglik - without))
  list(chisq = chisq, p = if (chisq > 0) 0.5 * stats::pchisq(chisq, 1, lower.tail = FALSE) else 1)
}

# Where the profile log likelihood of a variance falls by half the chi-squared quantile, below and above its maximum; 0
# where it does not fall so far on the way to zero, missing where it does not on the way to `largest` or a fit fails.
profile_interval <- function(profile, estimate, loglik, without, conf = 0.95, largest = 20, tolerance = 0.01) {
  drop <- stats::qchisq(conf, 1) / 2
  beyond <- function(log_variance) loglik - profile(exp(log_variance)) - drop
  root <- function(inside, outside) {
    found <- captured(stats::uniroot(beyond, sort(c(inside, outside)), tol = tolerance, extendInt = "no"))
    if (is.null(found$value)) NA_real_ else exp(found$value$root)
  }
  start <- log(max(estimate, 1e-4))
  lower <- 0
  if (loglik - without > drop) lower <- root(start, log(1e-6))
  # Ever wider steps, until the likelihood has fallen far enough or a fit breaks down; then shorter ones.
  inside <- start
  step <- 1
  grow <- 2
  repeat {
    value <- captured(beyond(inside + step))$value
    broken <- is.null(value) || !is.finite(value)
    if (!broken && value > 0) break
    if (broken) grow <- 1 / 2 else inside <- inside + step
    step <- grow * step
    if (step < 0.05 || inside > log(largest)) return(list(lower = lower, upper = NA_real_))
  }
  outside <- inside + step
  list(lower = lower, upper = root(start, outside))
}
