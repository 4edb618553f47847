# A fitted curve with a pointwise interval and a band that holds the whole curve at once.
#
# The curve is `basis %*% coefficients`. In standard errors, its deviations are those of one normal vector seen along a
# path on the sphere, so that the chance that the largest of them passes c is at most
# 2 (1 - pnorm(c)) + (length of the path) exp(-c^2 / 2) / pi (Naiman 1986, Annals of Statistics 14:896; Sun and Loader
# 1994, Annals of Statistics 22:1328); nor does any combination of k coefficients pass Scheffe's bound.
curve_frame <- function(term, label, axis, at, fit, basis, variance, conf) {
  covariance <- basis %*% variance
  se <- sqrt(rowSums(covariance * basis))
  half <- stats::qnorm(1 - (1 - conf) / 2) * se
  band <- band_factor(path_length(basis, covariance, se), ncol(basis), conf) * se
  data.frame(term = term, label = label, axis = axis, at = at, estimate = fit, se = se, hr = exp(fit),
             lower = exp(fit - half), upper = exp(fit + half), band_lower = exp(fit - band),
             band_upper = exp(fit + band), row.names = NULL)
}

# Sum of the angles between neighbours. Only the size of a deviation counts, so that no angle is beyond a right one.
path_length <- function(basis, covariance, se) {
  sure <- which(!se > 0) # where the curve is without error it leaves no band
  basis <- basis[setdiff(seq_along(se), sure), , drop = FALSE]
  covariance <- covariance[setdiff(seq_along(se), sure), , drop = FALSE]
  se <- se[setdiff(seq_along(se), sure)]
  if (length(se) < 2L) return(0)
  last <- length(se)
  alike <- rowSums(covariance[-last, , drop = FALSE] * basis[-1L, , drop = FALSE]) / (se[-last] * se[-1L])
  sum(acos(pmin(abs(alike), 1)))
}

# Standard errors on either side of a curve.
band_factor <- function(path, coefficients, conf) {
  most <- sqrt(stats::qchisq(conf, coefficients))
  beyond <- function(c) 2 * stats::pnorm(-c) + path * exp(-c^2 / 2) / pi - (1 - conf)
  if (beyond(most) >= 0) return(most)
  stats::uniroot(beyond, c(stats::qnorm((1 + conf) / 2), most), tol = 1e-9)$root
}
