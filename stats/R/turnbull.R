#' Cumulative incidence from interval-censored times
#'
#' The nonparametric maximum likelihood estimate (Turnbull's). It says how much of the event's probability lies in
#' each interval in which it can be told at all (`mass`); within such an interval it says nothing.
#' `survival::survfit()` has the same estimate, but its search stops early (0.0002 from the maximum in the package's
#' tests), and its standard errors take imputed events for observed ones. So the likelihood of [interval_ph()] is
#' maximised without covariates, and the intervals are percentiles of a bootstrap that draws whole clusters (facts,
#' with all their runs) again. With one shared grid the estimate is the Kaplan-Meier one; late entry is conditioned
#' on. Nothing is estimated where those who enter first are nearly alone (see [followed_stretch()]): an event whose
#' interval reaches across such a time may have come before or after it. Percentiles are trustworthy where the probes
#' are few beside the facts, as here, and not for times that come arbitrarily close together.
#'
#' @inheritParams km_curves
#' @param draws bootstrap samples.
#' @param seed of these samples; the session's own random numbers are left as they were.
#' @return A list like that of [cox()], with the table `turnbull`: one row per stratum and interval with mass, and one
#'   for the origin; `incidence` holds from `right` on.
#' @references Turnbull (1976), JRSS B 38:290. Efron and Tibshirani (1993), An Introduction to the Bootstrap, 13.3
#'   (percentiles). Davison and Hinkley (1997), Bootstrap Methods and their Application, 3.8 (whole clusters).
#' @export
turnbull <- function(data, by = "", cluster = "fact_id", conf = 0.95, draws = 200L, seed = 1L) {
  groups <- grouped_by(data, by)
  thin <- thin_words(stretches_of(data, groups$value))
  if (length(thin)) return(list(status = "not estimable", reason = paste(thin, collapse = "; ")))
  clustering <- cluster_of(data, cluster)
  id <- if (nzchar(clustering$cluster)) data[[cluster]] else seq_len(nrow(data))
  id <- match(id, sort(unique(id))) # the draws must not depend on the order of the rows
  rows <- censoring_intervals(data)
  weights <- seeded(seed, stats::rmultinom(draws, max(id), rep(1, max(id))))
  parts <- lapply(levels(groups$value), function(level) {
    own <- groups$value == level
    data.frame(by = by, stratum = level, turnbull_rows(lapply(rows, `[`, own), id[own], weights, conf))
  })
  list(
    fit = list(formula = paste("Surv(start, (left, right]) ~", if (nzchar(by)) quoted(by) else "1"),
               engine = paste("factsurv, nlminb of stats", getRversion())),
    tables = list(turnbull = do.call(rbind, parts)),
    remarks = groups$remarks,
    notes = c(groups$notes, probe_grid(data)$words,
              sprintf("percentile intervals of %d bootstrap samples of %d %s (seed %d)", draws, max(id),
                      if (nzchar(clustering$cluster)) paste("clusters of", cluster) else "rows", seed))
  )
}

#' @rdname turnbull
#' @return `turnbull_where_needed()` returns the same; `status` is `not needed` where the grid is dense and shared (see
#'   [probe_grid()]).
#' @export
turnbull_where_needed <- function(data, by = "", cluster = "fact_id", conf = 0.95) {
  unneeded <- dense_and_shared(data)
  if (length(unneeded)) return(list(status = "not needed", reason = unneeded))
  turnbull(data, by, cluster, conf)
}

# The design has a row for each pattern and a column for each time: of nearly continuous times it would fill the memory
# (2e7 numbers are 160 MB, and a few copies are made).
check_pieces <- function(rows, most = 2e7) {
  times <- n_distinct(c(rows$entry, rows$left, rows$right))
  if (length(rows$event) * as.double(times) > most) {
    no_estimate(sprintf("%d different intervals over %d times are too many for Turnbull's estimate", length(rows$event),
                        times))
  }
}

# The estimate of one stratum, and its bootstrap interval at the end of each interval with mass.
turnbull_rows <- function(rows, id, weights, conf) {
  pattern <- same_rows(rows[c("entry", "left", "right")])
  one <- lapply(rows, `[`, !duplicated(pattern))
  check_pieces(one)
  pieces <- baseline_pieces(one, factor(rep("", length(one$event))), Inf)
  none <- matrix(0, length(one$event), 0L)
  incidence <- function(weight) {
    drawn <- weight > 0
    own <- list(known = pieces$known[drawn, , drop = FALSE], event = pieces$event[drawn, , drop = FALSE])
    happened <- (one$event & !pieces$certain)[drawn]
    u <- if (length(pieces$right)) maximise_interval(none[drawn, , drop = FALSE], own, happened, weight[drawn])$u
    c(-expm1(-cumsum(u)), if (nrow(pieces$endless)) 1)
  }
  estimate <- incidence(tabulate(pattern))
  sampled <- apply(weights, 2L, function(drawn) {
    weight <- rowsum(drawn[id], pattern)[, 1L]
    if (any(weight[one$event] > 0)) incidence(weight) else numeric(length(estimate))
  })
  sampled <- matrix(sampled, nrow = length(estimate))
  limit <- function(share) apply(sampled, 1L, stats::quantile, share, names = FALSE)
  origin <- min(rows$entry)
  made <- data.frame(
    left = c(origin, pieces$left, pieces$endless$left), right = c(origin, pieces$right, pieces$endless$right),
    mass = diff(c(0, 0, estimate)), incidence = c(0, estimate), lower = c(0, limit((1 - conf) / 2)),
    upper = c(0, limit(1 - (1 - conf) / 2))
  )
  made[made$mass > 1e-9 | made$right == origin, ]
}
