#' Cox model with Firth's penalty
#'
#' The answer to separation and to few events: the partial likelihood times the root of the determinant of its
#' information (Jeffreys' prior), whose maximum is finite where the plain one runs away and whose first-order bias is
#' gone. Ties by Efron's method as in [cox()] (the package coxphf, which agrees to the last digits otherwise, has
#' Breslow's only, and that is biased towards zero by ties). Intervals and p-values are those of the profile penalised
#' likelihood, since a Wald interval makes no sense beside a separated coefficient; only where these would take more
#' than `patience` seconds (about 5e-9 s x patterns of rows x coefficients^2 an evaluation, and 40 evaluations a
#' coefficient) are they Wald's, and the fit says so.
#'
#' @inheritParams cox
#' @param always fit also where the plain Cox model has at least ten events per coefficient and nothing to doubt (see
#'   [doubts()])? Otherwise such data come back with the status `not needed`.
#' @param patience seconds.
#' @return A list like that of [cox()], with the table `coefficients`; `z` is the signed root of the likelihood ratio.
#' @references Heinze and Schemper (2001), Biometrics 57:114. Firth (1993), Biometrika 80:27.
#' @examplesIf requireNamespace("coxphf", quietly = TRUE)
#' learned <- simulate_learning(facts = 40, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' cox_firth(ready$data, ready$covariates, terms = ready$terms, always = TRUE)
#' @export
cox_firth <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                      terms = describe_terms(data, covariates), always = FALSE, patience = 120) {
  check_ties(ties)
  why <- firth_reason(data, covariates, strata, cluster, ties, terms)
  if (!length(why) && !always) {
    return(list(status = "not needed", reason = "at least 10 events per coefficient, and nothing to doubt"))
  }
  likelihood <- penalised_likelihood(data, covariates, strata, ties)
  best <- penalised_maximum(likelihood)
  seconds <- 40 * length(best$beta) * likelihood$seconds
  profile <- seconds <= patience
  se <- stats::setNames(sqrt(diag(best$var)), likelihood$names) / likelihood$sds
  rows <- coefficient_rows(terms, stats::setNames(best$beta, likelihood$names) / likelihood$sds, se, conf = conf)
  if (profile) {
    limits <- lapply(seq_along(best$beta), function(i) profile_limits(likelihood, best, i, conf))
    at <- match(terms$coefficient, likelihood$names)
    of <- function(name) vapply(limits, `[[`, 0, name)[at]
    rows$lower <- exp(of("lower") / unname(likelihood$sds)[at])
    rows$upper <- exp(of("upper") / unname(likelihood$sds)[at])
    rows$z <- of("z")
    rows$p <- 2 * stats::pnorm(-abs(rows$z))
  }
  dependent <- nzchar(cluster_of(data, cluster)$cluster)
  new_fit(
    object = best,
    fit = list(
      formula = formula_text(cox_formula(covariates, strata)), ties = ties, converged = best$converged,
      iterations = best$iterations, loglik = best$loglik, loglik_null = likelihood$at(0 * best$beta)$loglik,
      df = length(best$beta), engine = "counts, with Firth's penalty"
    ),
    tables = list(coefficients = rows),
    doubt = penalised_doubts(sum(data$event), rows),
    remarks = sprintf("the intervals take the rows as independent, although each %s has several", cluster)[dependent],
    notes = c(
      paste("fitted because", toString(why))[length(why) > 0L], "penalised log likelihood",
      if (profile) "profile likelihood intervals" else sprintf(
        "Wald intervals, since those of the profile likelihood would take about %.0f s", seconds
      )
    )
  )
}

# The penalty keeps every coefficient finite, whatever the data: with fewer events than coefficients it says more than
# they do.
penalised_doubts <- function(events, rows) {
  c(
    paste0(events_for(events, nrow(rows)), ": the penalty says more than the data")[events < nrow(rows)],
    paste("no profile limit found for", toString(rows$term[is.na(rows$lower) | is.na(rows$upper)]))[
      anyNA(rows[c("lower", "upper")])
    ]
  )
}

# Why the penalised model is wanted: what there is to doubt in the plain one, or fewer than ten events per coefficient
# (Peduzzi et al. 1995, Journal of Clinical Epidemiology 48:1503).
firth_reason <- function(data, covariates, strata, cluster, ties, terms) {
  plain <- captured(cox_univariable(data, covariates, strata, cluster, ties, terms = terms))
  if (is.null(plain$value)) return(paste("the Cox model failed:", plain$error))
  events <- sum(data$event)
  few <- paste(ngettext(events, "there is", "there are"), events_for(events, nrow(terms)))[events < 10 * nrow(terms)]
  infinite <- "an estimate of the Cox model is infinite"[any(plain$value$tables$coefficients$infinite)]
  if (length(c(infinite, few))) c(infinite, few) else doubt_in(plain)
}
