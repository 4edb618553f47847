# Residuals of a Cox model on counts: one per pattern, since identical rows have identical residuals.

# Score residuals (patterns x coefficients) with Efron's ties: a death at a time with d deaths is at risk for all of the
# first of its d terms and for a share 1 - c of the others. Therneau and Grambsch (2000), Modeling Survival Data, 4.
score_residuals <- function(fit) {
  counts <- fit$counts
  at <- fit$at
  tied <- at$tied
  x <- counts$x
  mean_hazard <- at$r1 * tied$ww - at$d1 * tied$cww
  risk <- exp(at$eta)
  residual <- -risk * (x * drop(sums_over_time(tied$w, counts)) - sums_over_time(mean_hazard, counts))
  died <- which(counts$died)
  moment <- counts$last[died]
  spared <- x[died, , drop = FALSE] * tied$cw[moment] -
    (at$r1 * tied$cww - at$d1 * tied$ccww)[moment, , drop = FALSE]
  residual[died, ] <- residual[died, , drop = FALSE] + schoenfeld_residuals(fit) + risk[died] * spared
  residual
}

# Covariates of the deaths minus their mean over the risk set, one row per pattern that died.
schoenfeld_residuals <- function(fit) {
  died <- which(fit$counts$died)
  moment <- fit$counts$last[died]
  fit$counts$x[died, , drop = FALSE] - (fit$at$expected / fit$at$deaths)[moment, , drop = FALSE]
}
