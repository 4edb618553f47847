#' Predicted random effects with their intervals
#'
#' "Which groups learn faster than their covariates explain": one row a level, rank 1 the highest hazard. Normal effects
#' have the standard error of the penalised likelihood, the square root of the diagonal of its inverse information:
#' the uncertainty of the coefficients is in it, that of the variances is not. A gamma frailty has a gamma posterior,
#' shape 1/variance + events, whose mean is the prediction and whose quantiles are the interval. Both are shrunk towards
#' the typical level, more so where a level has few events.
#'
#' @param object a `coxme` fit.
#' @param conf confidence level.
#' @return A data.frame: `grouping`, `level`, `estimate`, `se` (log hazard; missing for gamma), `hr`, `lower`, `upper`,
#'   `rank`.
#' @references Ripatti and Palmgren (2000), Biometrics 56:1016 (penalised information). Nielsen, Gill, Andersen and
#'   Sorensen (1992), Scandinavian Journal of Statistics 19:25 (gamma posterior).
#' @export
random_rows <- function(object, conf = 0.95) {
  effects <- coxme::ranef(object)
  # The random effects come first in the information, grouping after grouping, as in ranef().
  errors <- sqrt(bdsmatrix::diag(object$variance))
  last <- cumsum(lengths(effects))
  rows <- lapply(seq_along(effects), function(i) {
    own <- seq_along(effects[[i]]) + last[[i]] - length(effects[[i]])
    normal_rows(names(effects)[[i]], names(effects[[i]]), unname(effects[[i]]), errors[own], conf)
  })
  do.call(rbind, rows)
}

# Of `coxph(frailty(distribution = "gaussian"))`.
gaussian_rows <- function(object, data, grouping, conf = 0.95) {
  normal_rows(grouping, levels(factor(data[[grouping]])), object$frail, sqrt(object$fvar), conf)
}

normal_rows <- function(grouping, level, estimate, se, conf) {
  half <- stats::qnorm(1 - (1 - conf) / 2) * se
  data.frame(grouping = grouping, level = level, estimate = estimate, se = se, hr = exp(estimate),
             lower = exp(estimate - half), upper = exp(estimate + half),
             rank = rank(-estimate, ties.method = "first"))
}

# Of `coxph(frailty(distribution = "gamma"))` at a given variance.
gamma_rows <- function(object, data, grouping, variance, conf = 0.95) {
  group <- factor(data[[grouping]])
  shape <- 1 / variance + as.numeric(tapply(data$event, group, sum))
  rate <- shape / exp(object$frail)
  tail <- (1 - conf) / 2
  data.frame(grouping = grouping, level = levels(group), estimate = object$frail, se = NA_real_,
             hr = exp(object$frail), lower = stats::qgamma(tail, shape, rate),
             upper = stats::qgamma(1 - tail, shape, rate), rank = rank(-object$frail, ties.method = "first"))
}
