# Standard errors of cloglog() that count the rows of one cluster as one: scores of all person-periods, summed by
# cluster, between two inverse informations.
# Liang and Zeger (1986), Biometrika 73:13, eq. 9 with the identity as working correlation.
cloglog_robust <- function(object, numbers) {
  rows <- person_periods(numbers$rows, c(numbers$x, ".cluster"), numbers$strata)
  inverse <- stats::vcov(object, complete = FALSE)
  names <- colnames(inverse)
  x <- cbind("(Intercept)" = 1, as.matrix(rows[numbers$x]))
  period <- paste0(".period", rows$.period)
  beta <- stats::coef(object)[names]
  base <- ifelse(period %in% names, beta[period], 0)
  shown <- intersect(colnames(x), names)
  eta <- base + drop(x[, shown, drop = FALSE] %*% beta[shown])
  mu <- object$family$linkinv(eta)
  # d log likelihood / d eta of those with the event and of those without.
  score <- (rows$.events / mu - (rows$.rows - rows$.events) / (1 - mu)) * object$family$mu.eta(eta)
  of_x <- rowsum(x[, shown, drop = FALSE] * score, rows$.cluster)
  column <- match(period, names)
  summed <- matrix(0, nrow(of_x), length(names), dimnames = list(rownames(of_x), names))
  summed[, shown] <- of_x
  cell <- cbind(match(as.character(rows$.cluster), rownames(of_x)), column)[!is.na(column), , drop = FALSE]
  sums <- rowsum(score[!is.na(column)], (cell[, 2L] - 1) * nrow(summed) + cell[, 1L])
  summed[as.integer(rownames(sums))] <- sums
  stats::setNames(sqrt(diag(inverse %*% crossprod(summed) %*% inverse)), names)
}
