# Facts foretold by a line that has not seen them: of a relation from the other relations, or, where there is one
# relation, of a tenth of the objects from the others.

left_out_folds <- function(relation, object, seed) {
  relation <- as.integer(factor(as.character(relation)))
  if (max(relation) > 1L) return(list(fold = relation, what = "relation"))
  object <- as.integer(factor(as.character(object)))
  of_object <- seeded(seed, sample(rep_len(seq_len(min(10L, max(object))), max(object))))
  list(fold = of_object[object], what = "objects")
}

# Predictions of each fact by the line through the facts of the other folds, beside their mean.
foretold <- function(x, y, fold) {
  predicted <- average <- rep(NA_real_, length(y))
  for (one in unique(fold)) {
    others <- fold != one
    slope <- stats::cov(x[others], y[others]) / stats::var(x[others])
    if (!is.finite(slope)) slope <- 0
    average[!others] <- mean(y[others])
    predicted[!others] <- mean(y[others]) + slope * (x[!others] - mean(x[others]))
  }
  data.frame(predicted = predicted, average = average)
}

# R-squared out of sample against the others' mean, and intercept and slope of what came on what was foretold, for each
# set of weights (clusters x draws). The lines are not fitted again.
left_out_numbers <- function(y, told, cluster, weights) {
  p <- told$predicted
  own <- rowsum(cbind(1, p, y, p^2, p * y, (y - p)^2, (y - told$average)^2), cluster)
  s <- crossprod(weights[as.integer(rownames(own)), , drop = FALSE], own)
  xx <- s[, 4L] - s[, 2L]^2 / s[, 1L]
  slope <- ifelse(xx > 0, (s[, 5L] - s[, 2L] * s[, 3L] / s[, 1L]) / xx, NA_real_)
  cbind(r2_left_out = 1 - s[, 6L] / s[, 7L], calibration_slope = slope,
        calibration_intercept = (s[, 3L] - slope * s[, 2L]) / s[, 1L])
}
