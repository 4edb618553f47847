# Intervals of means and shares over facts that are seen in several runs.

# Mean with its interval, facts as clusters: one that is seen in several runs counts once. Of a share it is Wilson's,
# with the number of independent rows that the variance amounts to.
mean_limits <- function(value, fact, conf, share) {
  z <- stats::qnorm(1 - (1 - conf) / 2)
  mean <- mean(value)
  part <- rowsum((value - mean) / length(value), as.character(fact))[, 1L]
  variance <- sum(part^2)
  if (!share) {
    ends <- mean + c(-1, 1) * z * sqrt(variance)
  } else {
    ends <- wilson(mean, if (variance > 0) min(length(value), mean * (1 - mean) / variance) else length(part), z)
  }
  list(mean = mean, lower = ends[[1L]], upper = ends[[2L]], part = part)
}

# Limits of a share of `size` independent rows.
wilson <- function(share, size, z) {
  (share + z^2 / (2 * size) + c(-1, 1) * z * sqrt(share * (1 - share) / size + z^2 / (4 * size^2))) / (1 + z^2 / size)
}

difference_limits <- function(a, b) {
  both <- intersect(names(a$part), names(b$part))
  together <- sum(a$part[both] * b$part[both]) / sqrt(sum(a$part^2) * sum(b$part^2))
  if (!is.finite(together)) together <- 0
  width <- function(x, y) sqrt(max(0, x^2 + y^2 - 2 * together * x * y))
  a$mean - b$mean + c(-width(a$mean - a$lower, b$upper - b$mean), width(a$upper - a$mean, b$mean - b$lower))
}

# Two recipes differ only if they do by more than two seeds of one recipe: Student's t over the means of runs, as well.
seed_limits <- function(each, conf) {
  runs <- lapply(each, function(one) as.vector(tapply(one$rows$value, as.character(one$rows$run), mean)))
  n <- lengths(runs)
  if (any(n < 2L)) return(list(said = "how far seeds of one recipe differ is not in its interval"))
  se <- sqrt(sum(vapply(runs, stats::var, 0) / n))
  half <- stats::qt(1 - (1 - conf) / 2, sum(n) - 2L) * se
  difference <- mean(runs[[1L]]) - mean(runs[[2L]])
  list(lower = difference - half, upper = difference + half, said = "the wider interval of facts and of seeds")
}
