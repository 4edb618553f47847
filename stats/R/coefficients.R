# Rows of the table `coefficients`. Intervals and p-values use the robust standard error where there is one.
# A coefficient without a finite maximum keeps its row and loses its numbers: what R prints there is where its
# iterations stopped.
coefficient_rows <- function(terms, estimate, se, se_robust = NULL, conf = 0.95) {
  estimate <- unname(estimate[terms$coefficient])
  se <- unname(se[terms$coefficient])
  robust <- if (is.null(se_robust)) rep(NA_real_, nrow(terms)) else unname(se_robust[terms$coefficient])
  infinite <- is_infinite(estimate, se, terms$range, terms$spread)
  estimate[infinite] <- se[infinite] <- robust[infinite] <- NA_real_
  used <- if (is.null(se_robust)) se else robust
  half <- stats::qnorm(1 - (1 - conf) / 2) * used
  z <- estimate / used
  list2DF(list(
    term = terms$term, label = terms$label, unit = terms$unit, estimate = estimate, se = se, se_robust = robust,
    hr = exp(estimate), lower = exp(estimate - half), upper = exp(estimate + half), z = z,
    p = 2 * stats::pnorm(-abs(z)), infinite = infinite
  ))
}
