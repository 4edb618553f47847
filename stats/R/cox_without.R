#' How the hazard ratios of a Cox model change as some of its parts join it
#'
#' Two Cox models on the same rows, without and with the parts `without`. If these stand between a predictor and the
#' event, its hazard ratio comes nearer to 1 with them; it may do so as well where they only go along with it, and a
#' ratio may move a little with any strong predictor, since hazard ratios do not collapse over one. The change errs by
#' far less than the two ratios, since they are of the same facts: its variance is that of the difference of what each
#' cluster pulls in the two models (dfbeta).
#'
#' @inheritParams cox
#' @param without character, parts of the formula (`block` in `terms`, else columns).
#' @return A data.frame, a row for each coefficient and model (`step`: `"without"`, `"with"`): `covariates` (the parts),
#'   hazard ratio with interval, `change` (of its logarithm) with interval and test, `concordance`.
#' @references Clogg, Petkova and Haritou (1995), Am. J. Sociol. 100:1261. Lin and Wei (1989), JASA 84:1074.
#' @export
cox_without <- function(data, covariates, without, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                        terms = describe_terms(data, covariates)) {
  part <- if (is.null(terms$block)) terms$column else terms$block
  kept <- setdiff(covariates, terms$column[part %in% without])
  models <- lapply(list(without = kept, with = covariates), function(own) {
    cox_univariable(data, own, strata, cluster, ties, conf, terms[terms$column %in% own, , drop = FALSE], Inf)
  })
  same <- names(stats::coef(models$without$object))
  unit <- if (nzchar(cluster)) as.integer(factor(data[[cluster]])) else seq_len(nrow(data))
  pull <- lapply(models, function(model) {
    each <- as.matrix(stats::residuals(model$object, "dfbeta"))
    rowsum(each[, match(same, names(stats::coef(model$object))), drop = FALSE], unit)
  })
  change <- unname(stats::coef(models$with$object)[same] - stats::coef(models$without$object))
  se <- unname(sqrt(colSums((pull$with - pull$without)^2)))
  rows <- lapply(names(models), function(step) {
    own <- models[[step]]$tables$coefficients
    own <- own[match(models$without$tables$coefficients$term, own$term), ]
    moved <- ifelse(step == "with" & !own$infinite, change, NA_real_)
    half <- stats::qnorm((1 + conf) / 2) * se
    chisq <- (moved / se)^2
    data.frame(
      step = step, covariates = toString(without),
      own[c("term", "label", "unit", "estimate", "se", "hr", "lower", "upper")],
      change = moved, change_lower = moved - half, change_upper = moved + half,
      concordance = models[[step]]$fit$concordance, gain = NA_real_, gain_lower = NA_real_, gain_upper = NA_real_,
      added = NA_real_, added_lower = NA_real_, added_upper = NA_real_, chisq = chisq,
      df = ifelse(is.na(chisq), NA_real_, 1), p = stats::pchisq(chisq, 1, lower.tail = FALSE)
    )
  })
  do.call(rbind, rows)
}
