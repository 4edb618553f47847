#' Cox model with the exact method for ties, on request
#'
#' What R calls exact is the likelihood of events that truly happen at the same moment: conditional logistic regression
#' in every risk set. Its coefficients are log odds ratios of the event within one period, which are further from 0 than
#' log hazard ratios the more of those at risk have the event at once; the standard analysis therefore does not use it.
#' Risk sets are written out as strata where rows enter late, since `coxph()` would try every subset of them.
#'
#' @inheritParams cox
#' @return A list like that of [cox()], with the table `coefficients`, whose units say that they are odds ratios.
#' @references Cox (1972), JRSS B 34:187, section 8. Gail, Lubin and Rubinstein (1981), Biometrika 68:703.
#' @export
cox_exact <- function(data, covariates, strata = character(), cluster = "", conf = 0.95,
                      terms = describe_terms(data, covariates)) {
  object <- fit_exact(data, covariates, strata)
  se <- stats::setNames(sqrt(diag(as.matrix(object$var))), names(stats::coef(object)))
  coefficients <- coefficient_rows(terms, stats::coef(object), se, conf = conf)
  coefficients$unit <- paste("odds ratio,", coefficients$unit)
  df <- sum(!is.na(stats::coef(object)))
  loglik <- object$loglik[[length(object$loglik)]]
  new_fit(
    object = object,
    fit = list(
      formula = formula_text(cox_formula(covariates, strata)), ties = "exact (discrete logistic)",
      converged = object$iter < 25L, iterations = object$iter, loglik = loglik, loglik_null = object$loglik[[1L]],
      df = df, aic = 2 * df - 2 * loglik,
      engine = engine("survival")
    ),
    tables = list(coefficients = coefficients),
    doubt = doubts(data, terms, coefficients),
    remarks = paste("the exact method estimates odds ratios of the event within a period (discrete logistic model),",
                    "not hazard ratios; with ties they are further from 1"),
    notes = c(
      sprintf("model-based standard errors: no robust ones exist (cluster %s)", cluster)[nzchar(cluster)],
      "no Schoenfeld analysis of the exact method"
    )
  )
}

# Rows that all enter together are fitted as they are; else every risk set becomes a stratum.
fit_exact <- function(data, covariates, strata) {
  numbers <- in_numbers(data, covariates, strata)
  rows <- numbers$rows
  rows$.time <- rows$stop
  if (n_distinct(rows$start) > 1L) rows <- risk_sets(rows)
  right <- c(numbers$x, "strata(.strata)"[!is.null(rows$.strata)])
  formula <- stats::as.formula(paste("Surv(.time, event) ~", paste(right, collapse = " + ")),
                               env = asNamespace("survival"))
  in_own_units(survival::coxph(formula, rows, ties = "exact"), numbers)
}

risk_sets <- function(data) {
  stratum <- if (is.null(data$.strata)) rep(1L, nrow(data)) else data$.strata
  times <- sort(unique(times_of_events(data)))
  first <- findInterval(data$start, times) + 1L
  count <- pmax(findInterval(data$stop, times) - first + 1L, 0L)
  check_size(sum(as.double(count)), 1)
  row <- rep(seq_len(nrow(data)), count)
  moment <- sequence(count, from = first)
  sets <- data[row, , drop = FALSE]
  sets$event <- sets$event & sets$stop == times[moment]
  sets$.time <- 1
  sets$.strata <- stratum[row] * as.double(length(times) + 1L) + moment
  sets
}
