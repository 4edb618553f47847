# Newton's method for coefficients and random effects together, given the variances. The information hardly changes from
# step to step, nor from one variance to the next: the last one serves until a step gains too little.
mixed_maximum <- function(rows, variance, ties, from = NULL, limit = 100L) {
  at <- list(b = lapply(rows$levels, numeric), beta = rep(0, ncol(rows$x)))
  information <- NULL
  if (!is.null(from)) {
    at <- from[c("b", "beta")]
    information <- from$information
  }
  value <- mixed_penalised(rows, at, variance, ties)
  if (is.null(information)) information <- mixed_information(rows, value)
  factor <- factorised(information, variance)
  pull <- function(at) Map(`/`, at$b, variance)
  gain <- Inf
  for (iteration in seq_len(limit)) {
    step <- mixed_step(rows, value, pull(at), factor)
    settled <- step$gain < 1e-9
    if (!settled && step$gain > 0.1 * gain) {
      factor <- factorised(mixed_information(rows, value), variance)
      step <- mixed_step(rows, value, pull(at), factor)
    }
    gain <- step$gain
    reached <- line_search(rows, at, value, step, variance, ties, settled)
    at <- reached$at
    value <- reached$value
    if (settled) break
  }
  information <- mixed_information(rows, value)
  factor <- factorised(information, variance)
  integrated <- value$penalised - 0.5 * (sum(rows$levels * log(variance)) + factor$log_determinant)
  c(at, list(
    integrated = integrated, penalised = value$penalised, loglik = value$loglik, information = information,
    factor = factor, variance = variance, settled = settled, iterations = iteration
  ))
}

line_search <- function(rows, at, value, step, variance, ties, settled) {
  size <- 1
  repeat {
    ahead <- moved(at, step, size)
    reached <- mixed_penalised(rows, ahead, variance, ties)
    if (settled || size < 1e-4 || (is.finite(reached$penalised) && reached$penalised >= value$penalised)) break
    size <- size / 2
  }
  list(at = ahead, value = reached)
}

mixed_penalised <- function(rows, at, variance, ties) {
  value <- mixed_likelihood(rows, at, ties)
  penalty <- sum(vapply(seq_along(variance), function(k) sum(at$b[[k]]^2) / (2 * variance[[k]]), 0))
  c(value, penalised = value$loglik - penalty)
}

# The mean of a grouping's effects is zero at the maximum: only the penalty sees it.
moved <- function(at, step, size) {
  at$b <- mapply(function(b, d) (b + size * d) - mean(b + size * d), at$b, step$b, SIMPLIFY = FALSE)
  at$beta <- at$beta + size * step$beta
  at
}

mixed_likelihood <- function(rows, at, ties) {
  eta <- drop(rows$x %*% at$beta)
  for (k in seq_along(at$b)) eta <- eta + at$b[[k]][rows$codes[[k]]]
  died <- which(rows$died)
  moment <- rows$last[died]
  risk <- rows$count * exp(eta)
  tied <- tie_sums(rows$sums$died(rows$count), rows$sums$at_risk(risk), rows$sums$died(risk), ties)
  # Expected events of each row: also its weight in the information.
  expected <- risk * drop(sums_over_time(tied$w, rows))
  expected[died] <- expected[died] - risk[died] * tied$cw[moment]
  list(loglik = sum((rows$count * eta)[died]) - sum(tied$log), risk = risk, tied = tied, expected = expected,
       residual = rows$count * rows$died - expected)
}
