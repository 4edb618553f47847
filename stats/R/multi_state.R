#' Multi-state analysis: occupation, counts, and one Cox model per transition
#'
#' [check_states()] is the gate: rows that do not make histories get its finding as the reason and no estimate.
#'
#' @inheritParams transition_models
#' @inheritParams state_occupation
#' @return A list like that of [cox()], with the tables `occupation`, `sojourns`, `transition_counts` and
#'   `transition_coefficients` of `docs/tables.md`.
#' @export
multi_state <- function(data, covariates, by = character(), strata = character(), cluster = "fact_id", ties = "efron",
                        conf = 0.95, terms = describe_terms(data, covariates), horizon = NULL) {
  gate <- check_states(data)
  if (nzchar(gate$reason)) return(list(status = "failed", reason = gate$reason))
  shown <- in_units(data, by, terms)
  curves <- state_occupation(shown, by, cluster, conf, horizon)
  counts <- transition_counts(shown, by[nzchar(by)])
  models <- transition_models(data, covariates, strata, cluster, ties, conf, terms)
  list(
    fit = models$fit,
    tables = c(curves$tables, list(transition_counts = counts), models$tables),
    remarks = c(gate$remarks, curves$remarks, models$remarks),
    notes = c(curves$notes, cluster_of(data, cluster)$note)
  )
}

# Columns that split the curves as they are in the data, where they are predictors per standard deviation as well.
in_units <- function(data, by, terms) {
  for (column in intersect(by, terms$column[terms$scale != 1])) {
    own <- terms[terms$column == column, ]
    data[[column]] <- data[[column]] * own$scale + own$centre
  }
  data
}
