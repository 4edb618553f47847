# The maximum of a penalised likelihood over the coefficients that are free, by Fisher scoring with halved steps.
penalised_maximum <- function(likelihood, beta = numeric(length(likelihood$names)), free = seq_along(beta),
                              limit = 100L) {
  here <- likelihood$at(beta)
  if (!is.finite(here$loglik)) no_estimate("the information about the coefficients is singular")
  converged <- !length(free)
  iteration <- 0L
  while (!converged && iteration < limit) {
    iteration <- iteration + 1L
    information <- solve(here$var)
    move <- numeric(length(beta))
    move[free] <- solve(information[free, free, drop = FALSE], here$score[free])
    move <- move / max(1, abs(move)) # one standard deviation at most
    for (halving in 0:10) {
      there <- likelihood$at(beta + move / 2^halving)
      if (is.finite(there$loglik) && there$loglik >= here$loglik - 1e-12) break
    }
    if (!is.finite(there$loglik)) break
    beta <- beta + move / 2^halving
    here <- there
    converged <- max(abs(move)) < 1e-7
  }
  c(here, list(beta = beta, converged = converged, iterations = iteration))
}

# Where the profile of coefficient i falls by the chi-squared quantile, below and above its maximum; and the signed
# root of the likelihood ratio at zero. All on the scale of the likelihood's own coefficients.
profile_limits <- function(likelihood, best, i, conf) {
  se <- sqrt(best$var[i, i])
  z <- stats::qnorm(1 - (1 - conf) / 2)
  null <- profile_at(likelihood, best, i, 0)
  list(
    lower = profile_limit(likelihood, best, i, -se, z), upper = profile_limit(likelihood, best, i, se, z),
    z = sign(best$beta[[i]]) * sqrt(max(0, 2 * (best$loglik - null$loglik)))
  )
}

# The maximum with coefficient i at a value, from where the others would be if the likelihood were a parabola; from the
# place itself where that leaves the range of numbers.
profile_at <- function(likelihood, from, i, value) {
  ahead <- from$beta + from$var[, i] / from$var[i, i] * (value - from$beta[[i]])
  ahead[[i]] <- value
  start <- if (is.finite(likelihood$at(ahead, FALSE)$loglik)) ahead else replace(from$beta, i, value)
  penalised_maximum(likelihood, start, seq_along(ahead)[-i])
}

# Newton's method on the signed root of the likelihood ratio, which is nearly a straight line; its slope is the score
# of the profile. Halfway into the bracket where it would leave it.
profile_limit <- function(likelihood, best, i, se, z, limit = 40L) {
  inside <- best$beta[[i]]
  outside <- Inf * se
  value <- inside + z * se
  there <- best
  for (iteration in seq_len(limit)) {
    there <- captured(profile_at(likelihood, there, i, value))$value
    root <- if (!is.null(there)) sqrt(max(0, 2 * (best$loglik - there$loglik))) else NA
    if (!is.finite(root)) return(NA_real_)
    if (abs(root - z) < 1e-6) return(value)
    if (root < z) inside <- value else outside <- value
    value <- value - (root - z) * root / -there$score[[i]]
    if (!is.finite(value) || (value - inside) * se <= 0 || (outside - value) * se <= 0) {
      value <- if (is.finite(outside)) (inside + outside) / 2 else inside + 2 * se
    }
    if (abs(value) > 50) return(NA_real_)
  }
  NA_real_
}
