#' The remedy where hazards are not proportional: split time
#'
#' One Cox model in which every covariate that fails the test of proportional hazards (as in [cox_stratified()]) has a
#' hazard ratio of its own in each third of the event times, and the others keep a single one. Beside the original
#' model it shows how much better it fits (likelihood ratio) and what becomes of the others' hazard ratios.
#'
#' @inheritParams cox
#' @return A list like that of [cox()], with the tables `zph_periods` (of the covariates that change), `coefficients`
#'   (of the others) and `tests` (likelihood ratio of the split over the constant ratio, `by` what changes);
#'   status `not needed` where no test fails.
#' @references Therneau and Grambsch (2000), Modeling Survival Data, 6.5; Therneau, Crowson and Atkinson, Using time
#'   dependent covariates (vignette of survival), on step functions.
#' @export
cox_split <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                      terms = describe_terms(data, covariates), zph = "identity") {
  failing <- not_proportional(data, covariates, strata, ties, terms, zph)
  if (!length(failing$columns)) return(list(status = failing$status, reason = failing$reason))
  cuts <- third_cuts(times_of_events(data))
  if (!length(cuts)) return(list(status = "not estimable", reason = "ties leave one period only"))
  rest <- setdiff(covariates, failing$columns)
  changing <- terms[terms$column %in% failing$columns, ]
  cluster <- cluster_of(data, cluster)$cluster
  # Whole designs: a factor's columns are written out, so that each has its product with each period.
  design <- design_values(data, changing)
  split <- split_time(data[unique(c("start", "stop", "event", rest, strata, cluster[nzchar(cluster)]))], cuts)
  long <- split$data
  periods <- seq_len(length(cuts) + 1L)
  made <- fresh_names(long, paste0(".split", rep(seq_len(nrow(changing)), each = length(periods)), "_", periods))
  # Column by column, and no design kept: of a million rows each copy of all columns takes gigabytes.
  long[made] <- unlist(lapply(seq_len(nrow(changing)), function(i) {
    values <- design[split$row, i]
    lapply(periods, function(period) values * (split$period == period))
  }), recursive = FALSE)
  split$data <- design <- NULL
  object <- fit_cox(long, c(rest, made), strata, cluster, ties, keep = FALSE)
  plain <- fit_cox(data, covariates, strata, "", ties, keep = FALSE)
  names <- names(stats::coef(object))
  used <- stats::setNames(sqrt(diag(as.matrix(object$var))), names)
  naive <- if (is.null(object$naive.var)) object$var else object$naive.var
  model <- stats::setNames(sqrt(diag(as.matrix(naive))), names)
  edges <- c(min(data$start), cuts, max(data$stop))
  split_terms <- changing[rep(seq_len(nrow(changing)), each = length(periods)), ]
  split_terms$coefficient <- quoted(made)
  # Infinite or missing in a period: no row of numbers, as for the model as a whole.
  rows <- coefficient_rows(split_terms, stats::coef(object), model, used, conf)
  period <- rep(periods, nrow(changing))
  by_period <- data.frame(
    term = rows$term, period = period, from = edges[period], to = edges[period + 1L],
    events = as.vector(tapply(long$event, factor(split$period, periods), sum))[period], estimate = rows$estimate,
    se = rows$se_robust, hr = rows$hr, lower = rows$lower, upper = rows$upper, p = rows$p
  )
  last <- function(fit) fit$loglik[[length(fit$loglik)]]
  count <- function(fit) sum(!is.na(stats::coef(fit)))
  chisq <- max(0, 2 * (last(object) - last(plain)))
  df <- count(object) - count(plain)
  robust <- if (nzchar(cluster)) used
  kept <- terms[terms$column %in% rest, , drop = FALSE]
  others <- coefficient_rows(kept, stats::coef(object), model, robust, conf)
  new_fit(
    object = object,
    fit = list(
      formula = sprintf("Surv(start, stop, event) ~ %s", paste(c(quoted(rest), paste0(failing$columns, ":period")),
                                                              collapse = " + ")),
      ties = ties, converged = object$info[["convergence"]] == 0, iterations = object$iter, loglik = last(object),
      loglik_null = object$loglik[[1L]],
      df = count(object), aic = 2 * count(object) - 2 * last(object), engine = engine("survival")
    ),
    tables = list(
      coefficients = if (length(rest)) others,
      zph_periods = by_period,
      tests = data.frame(by = paste(failing$columns, collapse = ", "), statistic = chisq, df = df,
                         p = stats::pchisq(chisq, df, lower.tail = FALSE))
    ),
    doubt = doubts(data, rbind(kept, split_terms), rbind(as.data.frame(others), as.data.frame(rows)), cluster),
    notes = c(sprintf("no finite estimate of %s in period %d", rows$term, period)[!is.finite(rows$estimate)],
              failing$reason, sprintf("periods end at %s", toString(edges[-1L])))
  )
}
