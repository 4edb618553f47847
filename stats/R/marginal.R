#' Conditional and marginal hazard ratios of a model with random effects
#'
#' With random effects a hazard ratio compares facts of the same group (conditional). Over all groups mixed, the same
#' covariate makes less of a difference (marginal), the less the more the groups differ. The marginal ratio is that of
#' the Cox model without random effects, with standard errors robust for the grouping with the most levels, or, where
#' that has fewer than ten (of so few a robust error is far too small), for the cluster of the analysis. For a gamma
#' frailty it is known at every time: exp(b) (1 + v H(t)) / (1 + v H(t) exp(b)), where v is the variance and H the
#' cumulative hazard of a typical group at the reference; it starts at the conditional ratio and shrinks towards 1.
#'
#' @inheritParams cox_mixed
#' @param coefficients the table `coefficients` of the conditional model.
#' @return A data.frame: `term`, `label`, `unit`, `time` (missing: over the whole follow-up), `hr`, `lower`, `upper`
#'   (conditional), `marginal_hr`, `marginal_lower`, `marginal_upper`, `method` (plain words).
#' @references Lin and Wei (1989), JASA 84:1074. Aalen, Borgan and Gjessing (2008), Survival and Event History Analysis,
#'   6.2 and 6.5. Henderson and Oman (1999), JRSS B 61:367.
#' @export
marginal_table <- function(data, covariates, random, strata = character(), ties = "efron", conf = 0.95, terms,
                           coefficients, cluster = "") {
  if (!nrow(coefficients)) return(NULL)
  counts <- vapply(random, function(column) n_distinct(data[[column]]), 0L)
  grouping <- random[[which.max(counts)]]
  if (max(counts) < 10L && nzchar(cluster) && n_distinct(data[[cluster]]) > max(counts)) grouping <- cluster
  plain <- cox_univariable(data, covariates, strata, grouping, ties, conf, terms)
  own <- plain$tables$coefficients[match(coefficients$term, plain$tables$coefficients$term), ]
  levels <- n_distinct(data[[grouping]])
  errors <- if (nzchar(plain$cluster)) sprintf("robust errors by %s, %d levels", grouping, levels) else "plain errors"
  data.frame(
    coefficients[c("term", "label", "unit")], time = NA_real_, coefficients[c("hr", "lower", "upper")],
    marginal_hr = own$hr, marginal_lower = own$lower, marginal_upper = own$upper,
    method = sprintf("Cox model without random effects (%s)", errors), row.names = NULL
  )
}

#' @rdname marginal_table
#' @param object a gamma frailty fit of [fit_frailty()], with the `variance` that it was given.
#' @param grouping the column of the frailty.
#' @param times where the ratio is wanted; default: the quartiles of the event times and the last one.
#' @export
marginal_gamma <- function(object, data, covariates, grouping, variance, coefficients, times = NULL) {
  if (!nrow(coefficients)) return(NULL)
  events <- times_of_events(data)
  if (is.null(times)) times <- unique(stats::quantile(events, c(0.25, 0.5, 0.75, 1), type = 1L, names = FALSE))
  hazard <- baseline_hazard(object, data, covariates, grouping, times)
  shrunk <- function(hr, h) hr * (1 + variance * h) / (1 + variance * h * hr)
  rows <- lapply(seq_along(times), function(i) {
    data.frame(
      coefficients[c("term", "label", "unit")], time = times[[i]], coefficients[c("hr", "lower", "upper")],
      marginal_hr = shrunk(coefficients$hr, hazard[[i]]), marginal_lower = shrunk(coefficients$lower, hazard[[i]]),
      marginal_upper = shrunk(coefficients$upper, hazard[[i]]),
      method = "gamma frailty at that time, given its variance and baseline", row.names = NULL
    )
  })
  do.call(rbind, rows)
}

# Breslow's cumulative hazard of a group of frailty 1 with every factor at its reference and every number at its mean
# (of facts and runs, however their spells are cut): where the zero of a number lies is an accident of its unit.
baseline_hazard <- function(object, data, covariates, grouping, times) {
  beta <- stats::coef(object)
  keys <- intersect(c("run", "fact_id"), names(data))
  spell <- if (length(keys)) row_patterns(data, keys) else seq_len(nrow(data))
  numeric <- covariates[vapply(data[covariates], is.numeric, TRUE)]
  for (column in numeric) data[[column]] <- data[[column]] - mean(of_spells(data[[column]], spell))
  x <- design_matrix(data, covariates)[, names(beta), drop = FALSE]
  risk <- exp(drop(x %*% ifelse(is.na(beta), 0, beta)) + object$frail[as.integer(factor(data[[grouping]]))])
  at <- sort(unique(times_of_events(data)))
  before <- function(time) { # sum of the risks of those whose time is before each event time
    order <- order(time)
    c(0, cumsum(risk[order]))[findInterval(at, time[order], left.open = TRUE) + 1L]
  }
  deaths <- tabulate(match(times_of_events(data), at), length(at))
  increment <- deaths / (before(data$start) - before(data$stop))
  c(0, cumsum(increment))[findInterval(times, at) + 1L]
}
