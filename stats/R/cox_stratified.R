#' The remedy where hazards are not proportional: stratify
#'
#' Fits the Cox model, tests it as [cox()] does, and gives every covariate whose hazard ratio changes with time
#' (p < 0.05; where only the GLOBAL test fails, the one with the smallest p) a baseline hazard per level instead of a
#' ratio. A numeric covariate is cut into thirds. The covariates that stratify have no hazard ratio any more: theirs by
#' period are in `zph_periods`, and [rmst_difference()] needs no such assumption.
#'
#' @inheritParams cox
#' @return A list like that of [cox()], with the tables `coefficients` and `zph_tests` (of the stratified model); status
#'   `not needed` where no test fails, `not estimable` where every covariate would become a stratum.
#' @references Therneau and Grambsch (2000), Modeling Survival Data, 6.5.
#' @export
cox_stratified <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                           terms = describe_terms(data, covariates), zph = "identity") {
  failing <- not_proportional(data, covariates, strata, ties, terms, zph)
  if (!length(failing$columns)) return(list(status = failing$status, reason = failing$reason))
  rest <- setdiff(covariates, failing$columns)
  if (!length(rest)) {
    return(list(status = "not estimable", reason = paste0(
      "every covariate would become a stratum (", toString(failing$columns),
      "): the hazard ratios by period and the restricted mean times are the remedy"
    )))
  }
  made <- with_strata(data, failing$columns)
  result <- cox_univariable(made$data, rest, c(strata, made$columns), cluster, ties, conf,
                            terms[terms$column %in% rest, , drop = FALSE])
  tests <- captured(zph_tables(result$object, terms[terms$column %in% rest, , drop = FALSE], conf, zph))
  result$tables$zph_tests <- tests$value$zph_tests
  count <- n_distinct(row_patterns(made$data, made$columns))
  result$remarks <- c(
    result$remarks,
    sprintf("%d events in %d strata: little is left to compare within them", sum(data$event), count)[
      sum(data$event) < 5 * count
    ],
    paste0("no test of the stratified model: ", tests$error)[nzchar(tests$error)]
  )
  result$notes <- c(result$notes, failing$reason, sprintf("%d strata", count), made$notes)
  result
}

# The covariates that fail the test of proportional hazards, and why there are none.
not_proportional <- function(data, covariates, strata, ties, terms, zph = "identity") {
  none <- function(status, reason) list(columns = character(), status = status, reason = reason)
  if (length(unique(times_of_events(data))) < 2L) return(none("not estimable", "all events are at one time"))
  plain <- cox_univariable(data, covariates, strata, "", ties, terms = terms)
  finite <- setdiff(covariates, terms$column[plain$tables$coefficients$infinite])
  if (!length(finite)) return(none("not estimable", "no covariate has a finite estimate"))
  terms <- terms[terms$column %in% finite, , drop = FALSE]
  object <- if (length(finite) < length(covariates)) fit_cox(data, finite, strata, "", ties) else plain$object
  tests <- zph_tables(object, terms, transform = zph)$zph_tests
  single <- tests[tests$term != "GLOBAL", ]
  p <- function(rows) toString(sprintf("%s p = %.3g", rows$term, rows$p))
  failing <- single[which(single$p < 0.05), ]
  global <- tests[tests$term == "GLOBAL", ]
  if (!nrow(failing) && isTRUE(global$p < 0.05)) failing <- single[which.min(single$p), ]
  if (!nrow(failing)) return(none("not needed", paste("no test of proportional hazards fails:", p(tests))))
  columns <- unique(terms$column)
  list(columns = columns[match(failing$term, term_names(columns))],
       reason = paste("the hazard ratio changes with time:", p(rbind(failing, global))))
}

# The columns that make the strata: factors as they are, numbers in thirds.
with_strata <- function(data, columns) {
  notes <- character()
  made <- vapply(columns, function(column) {
    if (!is.numeric(data[[column]])) return(column)
    groups <- grouped_by(data, column)
    name <- fresh_names(data, paste0(column, "_thirds"))
    data[[name]] <<- groups$value
    notes <<- c(notes, groups$notes)
    name
  }, "")
  list(data = data, columns = unname(made), notes = notes)
}
