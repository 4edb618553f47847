# A gamma frailty at a given variance, fitted in time that is linear in rows and levels: survival's own takes the levels
# times the deaths at every step.
#
# The penalised partial likelihood has the penalty (w - exp(w)) / variance for the log frailty w of each level; with
# nu = 1 / variance and d events in a level, the frailties integrated out add, at the maximum,
# lgamma(nu + d) - lgamma(nu) + nu log(nu) - (nu + d) log(nu + d) + d for each level (mean frailty 1 makes the penalty
# nu w). Newton's method with the information of mixed_information(); the last one serves until a step gains too little.
# Therneau, Grambsch and Pankratz (2003), JCGS 12:156, sections 3 and 4.
# Of many levels the factor serves as long as the information does, with the penalty of the moment in its diagonal: the
# step is then Newton's with an information close by, and the maximum is the same to the 1e-9 at which the search ends.
gamma_maximum <- function(rows, variance, ties, from = NULL, limit = 100L, many = 2000L) {
  at <- if (is.null(from)) list(b = list(numeric(rows$levels)), beta = rep(0, ncol(rows$x))) else from[c("b", "beta")]
  value <- gamma_penalised(rows, at, variance, ties)
  information <- if (is.null(from)) mixed_information(rows, value) else from$information
  factor <- if (rows$levels >= many) from$factor
  newton <- function() {
    spread <- list(variance / exp(at$b[[1L]]))
    if (is.null(factor) || rows$levels < many) {
      factor <<- factorised(information, spread)
    } else {
      factor$diagonal <<- information$diagonal + 1 / spread[[1L]]
    }
    mixed_step(rows, value, list((exp(at$b[[1L]]) - 1) / variance), factor)
  }
  gain <- Inf
  for (iteration in seq_len(limit)) {
    step <- newton()
    settled <- step$gain < 1e-9
    if (!settled && step$gain > 0.1 * gain) {
      information <- mixed_information(rows, value)
      factor <- NULL
      step <- newton()
    }
    gain <- step$gain
    for (halving in 0:30) {
      ahead <- gamma_moved(at, step, 2^-halving)
      reached <- gamma_penalised(rows, ahead, variance, ties)
      if (is.finite(reached$penalised) && (settled || reached$penalised >= value$penalised)) break
    }
    at <- ahead
    value <- reached
    if (settled) break
  }
  d <- rows$sums$level[[1L]](rows$count * rows$died)
  c(at, list(integrated = value$penalised + sum(frailty_constant(round(d), 1 / variance)), variance = variance,
             information = information, factor = factor, iterations = iteration, settled = settled))
}

# Scaled to a mean frailty of 1, which only the penalty sees.
gamma_moved <- function(at, step, size) {
  b <- at$b[[1L]] + size * step$b[[1L]]
  list(b = list(b - log(mean(exp(b - max(b)))) - max(b)), beta = at$beta + size * step$beta)
}

gamma_penalised <- function(rows, at, variance, ties) {
  value <- mixed_likelihood(rows, at, ties)
  c(value, penalised = value$loglik + sum(at$b[[1L]]) / variance)
}

# As sums of logarithms near 1: at a variance of 1e-5 the two gamma functions agree in all but their last digits.
frailty_constant <- function(d, nu) {
  known <- sort(unique(d))
  of <- vapply(known, function(k) sum(log1p((seq_len(k) - 1) / nu)) - (nu + k) * log1p(k / nu) + k, 0)
  of[match(d, known)]
}

# With the fields of a coxph() fit that are read here; its standard errors are of the whole penalised information, where
# survival takes the frailties for uncorrelated given the rest.
as_frailty <- function(found, rows, ties) {
  information <- mixed_information(rows, mixed_likelihood(rows, found[c("b", "beta")], ties))
  factor <- factorised(information, list(found$variance / exp(found$b[[1L]])))
  list(coefficients = stats::setNames(found$beta, colnames(rows$x)), var = factor$beta_variance,
       frail = found$b[[1L]], iter = found$iterations, history = list(list(c.loglik = found$integrated)))
}
