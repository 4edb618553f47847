#' Hazard ratios of studies against those of the first, on the facts that they share
#'
#' One Cox model of the rows of all studies, stratified by study, with every predictor and its product with the study:
#' the product is the ratio of two hazard ratios. Facts that several studies hold are one cluster, so that the interval
#' counts what the studies have in common. Only facts at risk in all of them enter.
#'
#' @param events named list of tables of events, one a study.
#' @param outcome,rule one value each.
#' @param covariates columns that all of them have; numbers count per standard deviation over all rows.
#' @param conf confidence level.
#' @param least events per coefficient that each study needs.
#' @param fewest facts that they must share: a robust variance of few clusters is too small.
#' @return data.frame, a row per predictor and study after the first: `study`, `reference`, `term`, `facts` (shared),
#'   `ratio` of the hazard ratios with `lower`, `upper` and `p`. The attribute `reason` says why there are no rows, or
#'   what R warned of.
#' @references Therneau and Grambsch (2000), Modeling Survival Data, 8.2 (robust variance of correlated rows).
#' @examples
#' one <- simulate_learning(facts = 120, seeds = 2, seed = 1)
#' other <- simulate_learning(facts = 120, seeds = 2, log_hr = c(latent = 0, popularity = 0.3), seed = 2)
#' compare_studies(list(one = one, other = other), "acquisition", "first", "latent")
#' @export
compare_studies <- function(events, outcome, rule, covariates, conf = 0.95, least = 5,
                            fewest = 20) {
  ready <- lapply(events, rows_at_risk, outcome = outcome, rule = rule, covariates = covariates)
  reasons <- vapply(ready, function(one) paste(one$reason, collapse = ""), "")
  unusable <- vapply(ready, function(one) nzchar(one$status), NA)
  if (any(unusable)) return(no_comparison(paste0(names(events)[unusable], ": ", reasons[unusable], collapse = "; ")))
  shared <- Reduce(intersect, lapply(ready, function(one) as.character(one$data$fact_id)))
  if (length(shared) < fewest) {
    return(no_comparison(sprintf("%d facts are at risk in all of them, fewer than %d", length(shared), fewest)))
  }
  rows <- do.call(rbind, Map(function(one, name) {
    own <- one$data[as.character(one$data$fact_id) %in% shared, ]
    plain <- lapply(own[covariates], plain_values)
    data.frame(.study = rep(name, nrow(own)), .fact = as.character(own$fact_id), own[c("start", "stop", "event")],
               plain, check.names = FALSE)
  }, ready, names(events)))
  rows$.study <- factor(rows$.study, names(events))
  design <- shared_design(rows, covariates)
  few <- min(tapply(rows$event, rows$.study, sum)) < least * ncol(design)
  if (!ncol(design) || few) return(no_comparison("too few events of the facts that they share"))
  compared_ratios(rows, design, length(shared), conf)
}

# Levels are each study's own: as texts, and yes or no as such, they mean the same in all of them.
plain_values <- function(x) {
  if (!is.factor(x)) return(x)
  if (all(levels(x) %in% c("FALSE", "TRUE"))) x == "TRUE" else as.character(x)
}

no_comparison <- function(reason) structure(data.frame(), reason = reason)

# Columns of the predictors that vary within every study, with names of their own.
shared_design <- function(rows, covariates) {
  varies <- Filter(function(name) length(unique(rows[[name]])) > 1L, covariates)
  parts <- lapply(varies, function(name) {
    x <- rows[[name]]
    if (is.numeric(x)) return(matrix(x / stats::sd(x), dimnames = list(NULL, name)))
    if (is.logical(x)) return(matrix(as.numeric(x), dimnames = list(NULL, name)))
    levels <- sort(unique(x))[-1L]
    named <- stats::setNames(levels, paste0(name, ": ", levels))
    vapply(named, function(level) as.numeric(x == level), numeric(length(x)))
  })
  design <- do.call(cbind, c(list(matrix(0, nrow(rows), 0L)), parts))
  here <- apply(design, 2L, function(x) all(tapply(x, rows$.study, function(own) length(unique(own)) > 1L)))
  design[, here, drop = FALSE]
}

compared_ratios <- function(rows, design, facts, conf) {
  others <- levels(rows$.study)[-1L]
  products <- do.call(cbind, lapply(others, function(study) design * (rows$.study == study)))
  formula <- stats::as.formula("Surv(start, stop, event) ~ x + strata(.study)", env = asNamespace("survival"))
  rows$x <- cbind(design, products)
  arguments <- list(formula = formula, data = quote(rows), cluster = quote(.fact), ties = "efron")
  found <- captured(do.call(survival::coxph, arguments))
  fit <- found$value
  if (is.null(fit)) return(no_comparison(paste("R stopped with:", found$error)))
  at <- ncol(design) + seq_len(ncol(products))
  estimate <- unname(stats::coef(fit)[at])
  se <- sqrt(diag(fit$var))[at]
  z <- stats::qnorm((1 + conf) / 2)
  ratios <- data.frame(
    study = rep(others, each = ncol(design)), reference = levels(rows$.study)[[1L]],
    term = rep(colnames(design), length(others)), facts = facts, ratio = exp(estimate),
    lower = exp(estimate - z * se), upper = exp(estimate + z * se), p = 2 * stats::pnorm(-abs(estimate / se))
  )
  structure(ratios, reason = paste("R warned:", found$warnings, recycle0 = TRUE, collapse = "; "))
}

# Recall at the end by fact (mean over its runs), of a study and of the first, where both hold it in the same split.
# `histories`: of each study a table of `fact_id`, `split` and `after`, a row a fact and run.
recall_gaps <- function(histories, conf = 0.95) {
  by_fact <- lapply(histories, function(d) if (nrow(d)) stats::aggregate(after ~ fact_id + split, d, mean))
  if (any(vapply(by_fact, is.null, NA))) return(data.frame())
  rows <- lapply(names(histories)[-1L], function(name) {
    both <- merge(by_fact[[1L]], by_fact[[name]], by = c("fact_id", "split"))
    lapply(split(both, as.character(both$split)), function(x) {
      gap <- x$after.y - x$after.x
      half <- if (nrow(x) > 1L) stats::qt((1 + conf) / 2, nrow(x) - 1L) * stats::sd(gap) / sqrt(nrow(x)) else NA_real_
      data.frame(study = name, split = as.character(x$split[[1L]]), facts = nrow(x), first = mean(x$after.x),
                 own = mean(x$after.y), gap = mean(gap), lower = mean(gap) - half, upper = mean(gap) + half)
    })
  })
  do.call(rbind, unlist(rows, recursive = FALSE))
}
