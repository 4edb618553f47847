# The penalised log likelihood of cox_firth() as a function of the coefficients of columns scaled to SD 1, on counts of
# identical rows, with its gradient in closed form. In the names of counts.R: at every event time there are as many
# sets as deaths, the k-th of which weighs the tied deaths by 1 - c with c = (k - 1) / d (Efron; c = 0 for Breslow).
#
# The penalty is half the log determinant of the information I = sum over sets of var(x). Its derivative by coefficient
# k is half the sum over sets of tr(V cov3_k), V the inverse of I and cov3_k the third central moments with x_k: and
# that is the covariance in the set of the number q = (x - m)' V (x - m) with x_k, m the mean of the set. So no third
# moment is needed, only sums of numbers and of vectors over those at risk: linear in rows and in coefficients.
# Firth (1993), Biometrika 80:27. Heinze and Schemper (2001), Biometrics 57:114.
penalised_likelihood <- function(data, covariates, strata, ties) {
  counts <- count_rows(data, covariates, strata)
  sds <- sqrt(colSums(counts$x^2 * counts$count) / (sum(counts$count) - 1))
  counts$x <- sweep(counts$x, 2L, sds, "/")
  names <- colnames(counts$x)
  at <- function(beta, gradient = TRUE) {
    here <- likelihood_of_counts(counts, beta, ties)
    information <- information_of_counts(counts, here)
    inverse <- inverse_of(information)
    if (!is.finite(here$loglik) || is.null(inverse)) return(list(loglik = -Inf))
    half_logdet <- 0.5 * as.numeric(determinant(information)$modulus)
    score <- if (gradient) here$score + penalty_score(counts, here, inverse, ties)
    list(loglik = here$loglik + half_logdet, score = score, var = inverse, half_logdet = half_logdet)
  }
  # Of one evaluation, from its times on one core.
  seconds <- 2e-3 + 5e-9 * length(counts$count) * (ncol(counts$x) + 5)^2
  list(at = at, names = names, sds = stats::setNames(sds, names), seconds = seconds)
}

# Gradient of half the log determinant of the information whose inverse is V.
penalty_score <- function(counts, here, inverse, ties) {
  deaths <- here$deaths
  time <- rep(seq_along(deaths), deaths)
  share <- if (ties == "breslow") numeric(length(time)) else (sequence(deaths) - 1) / deaths[time]
  weight <- 1 / (here$r0[time] - share * here$d0[time])
  means <- (here$r1[time, , drop = FALSE] - share * here$d1[time, , drop = FALSE]) * weight
  lifted <- means %*% inverse
  square <- rowSums(counts$x * (counts$x %*% inverse))
  own <- rowSums(means * lifted)
  # The mean of x'Vx in each set, from its sums over those at risk and over the deaths.
  died <- which(counts$died)
  moment <- counts$last[died]
  values <- as.matrix(here$risk * square)
  q_risk <- drop(sums_at_risk(values, counts))
  q_dead <- drop(sums_at(values[died, , drop = FALSE], moment, length(deaths)))
  q <- (q_risk[time] - share * q_dead[time]) * weight
  # Sum over sets of E(x'Vx x) - E(x'Vx) m - 2 E(x'Vm x) + 2 (m'Vm) m; expectations are sums over rows of their risk
  # times what all sets that hold the row have in common: the vector sum of weight V m, and the sum of weights.
  per_time <- function(by) rowsum(cbind(by, by * lifted), time)
  inside <- per_time(weight)
  less <- per_time(weight * share)
  held <- sums_over_time(inside, counts)
  held[died, ] <- held[died, , drop = FALSE] - less[moment, , drop = FALSE]
  along <- square * held[, 1L] - 2 * rowSums(counts$x * held[, -1L, drop = FALSE])
  0.5 * (colSums(counts$x * (here$risk * along)) - colSums(means * (q - 2 * own)))
}
