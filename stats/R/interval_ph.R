#' Proportional hazards with interval-censored times
#'
#' The event of a fact happened somewhere in (left, right], between two probes. The full likelihood of that is
#' maximised over the coefficients and a baseline hazard that is constant between the times at which anybody was
#' probed (the union of all grids, which need not be shared), so no event is dated at the end of its interval as in the
#' Cox model, and none is put into a period as in the grouped-time model. With one shared grid it is the cloglog model.
#' Late entry (`start` after the origin) is handled by conditioning on it.
#'
#' @inheritParams cox
#' @param pieces the largest number of pieces of the baseline hazard (of each stratum). With more distinct times than
#'   that they are joined so that each holds as many events.
#' @return A list like that of [cox()], with the table `coefficients`; standard errors from the observed information,
#'   and robust ones by the sandwich with scores summed over clusters.
#' @references Finkelstein (1986), Biometrics 42:845 (likelihood). Zeng, Mao and Lin (2016), Biometrika 103:253
#'   (efficiency of the coefficients). Lin and Wei (1989), JASA 84:1074 (robust errors).
#' @export
interval_ph <- function(data, covariates, strata = character(), cluster = "", conf = 0.95,
                        terms = describe_terms(data, covariates), pieces = 50L) {
  clustering <- cluster_of(data, cluster)
  object <- fit_interval(data, covariates, strata, clustering$cluster, pieces)
  names <- names(object$coefficients)
  model_se <- stats::setNames(sqrt(diag(object$naive_var))[names], names)
  robust_se <- if (nzchar(clustering$cluster)) stats::setNames(sqrt(diag(object$var))[names], names)
  coefficients <- coefficient_rows(terms, object$coefficients, model_se, robust_se, conf)
  grid <- probe_grid(data)
  right <- c(quoted(covariates), sprintf("strata(%s)", toString(quoted(strata)))[length(strata)])
  new_fit(
    object = object,
    fit = list(
      formula = paste("Surv(start, (left, right]) ~", paste(right, collapse = " + ")), ties = "none (intervals)",
      converged = object$converged, iterations = object$iterations, loglik = object$loglik,
      loglik_null = fit_interval(data, character(), strata, "", pieces)$loglik, df = object$df,
      aic = 2 * object$df - 2 * object$loglik, engine = paste("factsurv, nlminb of stats", getRversion())
    ),
    tables = list(coefficients = coefficients),
    doubt = doubts(data, terms, coefficients, clustering$cluster),
    remarks = few_clusters_remark(data, clustering$cluster, nrow(coefficients)),
    notes = c(grid$words, sprintf("baseline hazard constant over %d pieces with events, of %d between the probes",
                                  nrow(object$baseline), object$cells), clustering$note)
  )
}

#' @rdname interval_ph
#' @return `fit_interval()` returns the fit: `coefficients`, `var` (robust where there is a cluster), `naive_var`,
#'   `loglik`, `df`, `baseline` (data.frame: `stratum`, `time`, `increment` and `cumulative` hazard at the covariates'
#'   zero), `cells` (pieces in all), `iterations`, `converged`.
#' @export
fit_interval <- function(data, covariates = character(), strata = character(), cluster = "", pieces = 50L) {
  rows <- censoring_intervals(data)
  stratum <- if (length(strata)) crossed(data[strata]) else factor(rep("", nrow(data)))
  x <- design_matrix(data, covariates)
  # Centred and scaled, so that the search and its tolerances do not depend on the units.
  standard <- standardised(x)
  centre <- standard$centre
  scale <- standard$scale
  pattern <- same_rows(c(rows[c("entry", "left", "right")], list(stratum), data[covariates]))
  one <- which(!duplicated(pattern))
  weight <- tabulate(pattern)
  # Times on a scale of one: an axis in tokens must not lose digits to its size.
  span <- max(data$stop) - min(data$start)
  scaled <- lapply(rows[c("entry", "left", "right")], function(time) (time[one] - min(data$start)) / span)
  pieced <- baseline_pieces(c(scaled, list(event = rows$event[one])), stratum[one], pieces)
  z <- standard$x[one, , drop = FALSE]
  best <- maximise_interval(z, pieced, rows$event[one] & !pieced$certain, weight)
  scores <- row_scores(best$terms, z, pieced)[, best$free, drop = FALSE]
  inverse <- inverse_information(best$information)
  group <- if (nzchar(cluster)) match(data[[cluster]], unique(data[[cluster]])) else seq_len(nrow(data))
  summed <- rowsum(scores[pattern, , drop = FALSE], group)
  sandwich <- inverse %*% crossprod(summed) %*% inverse
  unscale <- function(v) {
    factors <- c(1 / scale, rep(1, nrow(v) - length(scale)))
    named <- c(colnames(x), rep("", nrow(v) - length(scale)))
    matrix(v * outer(factors, factors), nrow(v), dimnames = list(named, named))
  }
  coefficients <- stats::setNames(best$beta / scale, colnames(x))
  baseline <- data.frame(stratum = pieced$stratum, time = pieced$right * span + min(data$start), increment = best$u)
  at_zero <- exp(-sum(coefficients * centre))
  baseline$cumulative <- stats::ave(baseline$increment, baseline$stratum, FUN = cumsum) * at_zero
  baseline$increment <- baseline$increment * at_zero
  list(coefficients = coefficients, naive_var = unscale(inverse),
       var = unscale(if (nzchar(cluster)) sandwich else inverse), loglik = best$loglik, df = sum(best$free),
       baseline = baseline, cells = pieced$cells, iterations = best$iterations, converged = best$converged)
}

#' Interval-censored model where the grid of probes calls for it
#'
#' @inheritParams interval_ph
#' @return As [interval_ph()]; `status` is `not needed` where the grid is dense and shared (see [probe_grid()]).
#' @export
interval_where_needed <- function(data, covariates, strata = character(), cluster = "", conf = 0.95,
                                  terms = describe_terms(data, covariates)) {
  unneeded <- dense_and_shared(data)
  if (length(unneeded)) return(list(status = "not needed", reason = unneeded))
  interval_ph(data, covariates, strata, cluster, conf, terms)
}

# Why intervals need no model of their own; nothing where they do.
dense_and_shared <- function(data) {
  grid <- probe_grid(data)
  if (!grid$known) return(grid$words)
  if (grid$shared && !grid$sparse) return(paste0(grid$words, ": the grouped-time model says the same"))
  character()
}

# Which rows are alike in all columns: numbers from 1, in order of first appearance.
same_rows <- function(columns) {
  codes <- lapply(columns, function(value) match(value, unique(value)))
  key <- do.call(paste, unname(codes))
  match(key, unique(key))
}

# By its scaled eigenvectors: a direction about which the data say nothing gets no variance, and the fit stands.
inverse_information <- function(information) {
  size <- sqrt(pmax(diag(information), 1e-300))
  parts <- eigen(information / outer(size, size), symmetric = TRUE)
  kept <- parts$values > 1e-12
  vectors <- parts$vectors[, kept, drop = FALSE]
  vectors %*% (t(vectors) / parts$values[kept]) / outer(size, size)
}
