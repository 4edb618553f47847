#' Accuracy against a measure: the line through means of bins, and through the facts
#'
#' Facts with the same x are a bin; the line is ordinary least squares through the bins' means, each counted once,
#' however many facts it has. Its R-squared says how well bins are told apart, not single facts: that is
#' `r2_facts`. Beside the line the saturating curve y = a + b (1 - exp(-k x)) / (1 - exp(-k)): what it reaches at x = 1
#' shows how much the upper bound hangs on the line.
#'
#' @param x measure of each fact, such as SMI.
#' @param y accuracy of each fact, from 0 to 1.
#' @return A list: `bins` (data.frame `x`, `y`, `facts`) and `numbers`, named: `r2_bins`, `r2_facts`, `mse` (mean over
#'   bins of the mean squared distance of facts to the line), `intercept`, `slope`, `x_intercept` (where the line is 0),
#'   `upper` (the line at x = 1), `upper_curve` (the curve there).
#' @references Jiang et al. (2025), arXiv 2502.04066 (line, MSE, upper bound).
#' @examples
#' smi_line(c(0, 0, 0.5, 1), c(0, 0.1, 0.3, 0.5))$numbers
#' @export
smi_line <- function(x, y) {
  sums <- bin_sums(x, y, rep(1L, length(x)))
  numbers <- smi_numbers(sums, matrix(1))
  count <- rowSums(sums$count)
  list(bins = data.frame(x = sums$x, y = rowSums(sums$y) / count, facts = as.integer(count)), numbers = numbers[1L, ])
}

# What the numbers are made of: of each bin (rows) and cluster of facts (columns) their count, sum of y and of y
# squared; of each cluster the sums for the line through the facts.
bin_sums <- function(x, y, cluster) {
  at <- sort(unique(x))
  bin <- match(x, at)
  summed <- function(v) {
    out <- matrix(0, length(at), max(cluster))
    sums <- rowsum(v, (cluster - 1L) * length(at) + bin)
    out[as.integer(rownames(sums))] <- sums
    out
  }
  moments <- matrix(0, max(cluster), 6L)
  own <- rowsum(cbind(1, x, y, x^2, y^2, x * y), cluster)
  moments[as.integer(rownames(own)), ] <- own
  list(x = at, count = summed(rep(1, length(x))), y = summed(y), square = summed(y^2), moments = moments)
}

# The numbers for each set of weights (clusters x draws): a row a draw.
smi_numbers <- function(sums, weights) {
  count <- sums$count %*% weights # bins x draws
  there <- count > 0
  mean <- ifelse(there, (sums$y %*% weights) / pmax(count, 1e-300), 0)
  line <- lines_through(sums$x, mean, there)
  fitted <- outer(sums$x, line$slope) + rep(line$intercept, each = length(sums$x))
  apart <- (sums$square %*% weights) / pmax(count, 1e-300) - 2 * fitted * mean + fitted^2
  of_facts <- crossprod(weights, sums$moments)
  n <- of_facts[, 1L]
  covered <- of_facts[, 6L] / n - of_facts[, 2L] * of_facts[, 3L] / n^2
  spread <- (of_facts[, 4L] / n - (of_facts[, 2L] / n)^2) * (of_facts[, 5L] / n - (of_facts[, 3L] / n)^2)
  cbind(
    r2_bins = line$r2, r2_facts = ifelse(spread > 0, covered^2 / spread, NA_real_),
    mse = colSums(apart * there) / colSums(there), intercept = line$intercept, slope = line$slope,
    x_intercept = ifelse(line$slope > 0, -line$intercept / line$slope, NA_real_),
    upper = line$intercept + line$slope, upper_curve = curves_through(sums$x, mean, there)
  )
}

# Ordinary least squares through the columns of y, over the rows that are there.
lines_through <- function(x, y, there) {
  n <- colSums(there)
  x <- matrix(x, nrow(y), ncol(y))
  centre_x <- colSums(x * there) / n
  centre_y <- colSums(y * there) / n
  dx <- (x - rep(centre_x, each = nrow(y))) * there
  dy <- (y - rep(centre_y, each = nrow(y))) * there
  xx <- colSums(dx^2)
  yy <- colSums(dy^2)
  slope <- ifelse(xx > 0 & n > 2, colSums(dx * dy) / xx, NA_real_)
  r2 <- ifelse(yy > 0, slope^2 * xx / yy, NA_real_)
  list(slope = slope, intercept = centre_y - slope * centre_x, r2 = r2, rest = yy - slope^2 * xx)
}

# At x = 1: the best curve of a grid of bends, nearly straight to all risen at once.
curves_through <- function(x, y, there, bends = saturating_bends) {
  best <- rep(Inf, ncol(y))
  upper <- rep(NA_real_, ncol(y))
  for (k in bends) {
    line <- lines_through(saturating(x, k), y, there)
    better <- is.finite(line$rest) & line$rest < best
    best[better] <- line$rest[better]
    upper[better] <- (line$intercept + line$slope)[better]
  }
  upper
}

saturating <- function(x, k) (1 - exp(-k * x)) / (1 - exp(-k))
saturating_bends <- exp(seq(log(0.05), log(50), length.out = 25L))
