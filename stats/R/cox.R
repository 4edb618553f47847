#' Cox model of several covariates
#'
#' @param data data.frame with `start`, `stop` (units of the study's time axis), `event`, and the columns named below.
#' @param covariates character, columns of the fixed part.
#' @param strata character, columns whose levels get a baseline hazard of their own.
#' @param cluster column whose rows are not independent, for the robust standard error; `""` for none.
#' @param ties `"efron"` or `"breslow"`. Probing at checkpoints makes ties; Breslow is biased towards zero by them.
#' @param init coefficients to start from, in the units of the data.
#' @param offset a number a row, added to its log hazard; NULL for none.
#' @param keep keep design and model frame in the fit, for residuals and predictions?
#' @param ... passed on to `survival::coxph()`.
#' @return The `coxph` fit, with the coefficients of [describe_terms()]. It was made of numbered columns, centred and
#'   scaled, so that neither names nor units mean anything to it: its formula and model frame are those.
#' @references Cox (1972), JRSS B 34:187. Efron (1977), JASA 72:557. Lin and Wei (1989), JASA 84:1074 (robust errors).
#' @export
fit_cox <- function(data, covariates, strata = character(), cluster = "", ties = "efron", init = NULL, offset = NULL,
                    keep = TRUE, ...) {
  check_ties(ties)
  numbers <- in_numbers(data, covariates, strata, cluster)
  formula <- cox_formula(numbers$x, numbers$strata, numbers$cluster)
  if (!is.null(offset)) {
    numbers$rows$.offset <- offset
    formula <- stats::update(formula, . ~ . + offset(.offset))
  }
  args <- list(formula, data = quote(numbers$rows), ties = ties, x = keep, model = keep, ...)
  if (!is.null(init)) args$init <- unname(init) * numbers$scale
  in_own_units(do.call(survival::coxph, args), numbers)
}

#' Tables of a Cox model, with its Schoenfeld analysis
#'
#' @inheritParams fit_cox
#' @param terms see [describe_terms()].
#' @param conf confidence level.
#' @param counts_from number of rows from which identical rows are collapsed to counts where they leave at most one
#'   pattern for four rows (see [fit_cox_counts()]); the numbers are the same. `Inf` for `coxph()` always.
#' @param zph transform of time for the Schoenfeld analysis, see [zph_tables()].
#' @return A list: `fit` (one list of the numbers in the table `fits`), `remarks` and `notes` (plain words), `tables`:
#'   `coefficients`, `zph_tests`, `zph_points`, `zph_curves`, `zph_periods` as in `docs/tables.md`.
#' @examples
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' fit <- cox(ready$data, ready$covariates, cluster = "fact_id", terms = ready$terms)
#' fit
#' fit$tables$zph_tests
#' @export
cox <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                terms = describe_terms(data, covariates), counts_from = 10000L, zph = "identity") {
  result <- cox_univariable(data, covariates, strata, cluster, ties, conf, terms, counts_from)
  # A coefficient without a finite value has no residuals: the analysis is that of the model of the others.
  infinite <- unique(terms$column[result$tables$coefficients$infinite])
  finite <- setdiff(covariates, infinite)
  terms <- terms[terms$column %in% finite, , drop = FALSE]
  if (!length(finite)) {
    result$notes <- c(result$notes, "no Schoenfeld analysis: no covariate has a finite estimate")
    return(result)
  }
  object <- if (length(infinite)) fit_cox(data, finite, strata, "", ties) else result$object
  moments <- n_distinct(times_of_events(data))
  if (moments < 2L) result$notes <- c(result$notes, "no Schoenfeld test: all events are at one time")
  schoenfeld <- captured(if (moments > 1L) zph_tables(object, terms, conf, zph))
  periods <- captured(zph_periods(data, finite, strata, result$cluster, ties, conf, terms, object))
  result$tables <- c(result$tables, schoenfeld$value, list(zph_periods = periods$value$table))
  failed <- c(schoenfeld$error, periods$error)
  failed <- failed[nzchar(failed)]
  result$remarks <- c(result$remarks, paste0("the Schoenfeld analysis is incomplete: ", failed, recycle0 = TRUE))
  left_out <- paste("Schoenfeld analysis without", toString(infinite))[length(infinite) > 0L]
  result$notes <- c(result$notes, left_out, periods$value$notes)
  # Warnings of the split-time fits are those of small periods; what they mean is in the notes.
  for (text in schoenfeld$warnings) warning(text, call. = FALSE)
  result
}

#' @rdname cox
#' @details `cox_univariable()` leaves out the Schoenfeld analysis, `cox_tested()` all of it but the tests; they are
#'   used with one covariate at a time.
#' @export
cox_univariable <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                            terms = describe_terms(data, covariates), counts_from = 10000L) {
  clustering <- cluster_of(data, cluster)
  counted <- if (nrow(data) >= counts_from) {
    fit_cox_counts(data, covariates, strata, clustering$cluster, ties)
  }
  object <- if (is.null(counted)) fit_cox(data, covariates, strata, clustering$cluster, ties) else counted
  robust <- !is.null(object$naive.var)
  model_se <- sqrt(diag(as.matrix(if (robust) object$naive.var else object$var)))
  robust_se <- if (robust) stats::setNames(sqrt(diag(as.matrix(object$var))), names(stats::coef(object)))
  coefficients <- coefficient_rows(terms, stats::coef(object), stats::setNames(model_se, names(stats::coef(object))),
                                   robust_se, conf)
  df <- sum(!is.na(stats::coef(object)))
  new_fit(
    object = object, cluster = clustering$cluster,
    fit = list(
      formula = formula_text(cox_formula(covariates, strata, clustering$cluster)), ties = ties,
      converged = object$info[["convergence"]] == 0, iterations = object$iter,
      loglik = object$loglik[[length(object$loglik)]], loglik_null = object$loglik[[1L]], df = df,
      aic = 2 * df - 2 * object$loglik[[length(object$loglik)]],
      concordance = object$concordance[["concordance"]], concordance_se = object$concordance[["std"]],
      engine = if (is.null(counted)) engine("survival") else "counts"
    ),
    tables = list(coefficients = coefficients),
    doubt = doubts(data, terms, coefficients, clustering$cluster),
    remarks = few_clusters_remark(data, clustering$cluster, nrow(coefficients)),
    notes = c(clustering$note, if (!is.null(counted)) counts_note(counted, nrow(data)))
  )
}

#' @rdname cox
#' @export
cox_tested <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                       terms = describe_terms(data, covariates), counts_from = 10000L, zph = "identity") {
  result <- cox_univariable(data, covariates, strata, cluster, ties, conf, terms, counts_from)
  if (any(result$tables$coefficients$infinite) || n_distinct(times_of_events(data)) < 2L) return(result)
  tested <- captured(zph_tables(result$object, terms, conf, zph)$zph_tests)
  result$tables$zph_tests <- tested$value
  result$notes <- c(result$notes, paste("no Schoenfeld test:", tested$error)[nzchar(tested$error)])
  result
}

counts_note <- function(object, rows) {
  sprintf("%d rows collapsed to %d counts, the same estimates as coxph()", rows, length(object$fit$counts$count))
}

# Clusters of one row each say nothing about dependence: the plain standard error is then the honest one.
cluster_of <- function(data, cluster) {
  if (!nzchar(cluster)) return(list(cluster = "", note = "model-based standard errors (no cluster asked for)"))
  groups <- n_distinct(data[[cluster]])
  if (groups == nrow(data)) {
    note <- sprintf("model-based standard errors: every %s has one row", cluster)
    return(list(cluster = "", note = note))
  }
  note <- sprintf("robust standard errors: %d rows in %d clusters of %s", nrow(data), groups, cluster)
  list(cluster = cluster, note = note)
}

# The sandwich is right for many clusters; of few it is too small, and the normal distribution too narrow
# (Cameron and Miller 2015, Journal of Human Resources 50:317, section VI).
few_clusters_remark <- function(data, cluster, coefficients, enough = 20L) {
  if (!nzchar(cluster)) return(character())
  groups <- n_distinct(data[[cluster]])
  # As few as there are coefficients is a doubt of its own, and said there.
  if (groups >= enough || groups <= coefficients) return(character())
  sprintf("robust standard errors from only %d clusters (%s) are too small: the intervals are likely too narrow",
          groups, cluster)
}

# The version as its authors write it: 3.8-12, which packageVersion() would print as 3.8.12.
engine <- function(package) paste(package, utils::packageDescription(package, fields = "Version"))

# The log partial likelihood without covariates or random effects.
null_loglik <- function(data, strata, ties) fit_cox(data, character(), strata, "", ties)$loglik[[1L]]
