#' One hazard ratio per third of the event times
#'
#' The remedy where a hazard ratio drifts: a Cox model on rows split by `survival::survSplit()` at the thirds of the
#' event times. Every coefficient differs between periods, so the partial likelihood falls into one factor a period
#' and each is fitted by itself; this is the same as one fit of all products with the period. Thirds that end at the
#' same time are merged, so that every period has events.
#'
#' @inheritParams cox
#' @param object the fit over all periods; one on counts is fitted period by period on its counts.
#' @return A list: `table` as in `docs/tables.md` (`zph_periods`; periods are `(from, to]` in units of the time axis),
#'   `notes` (plain words: merged periods, coefficients without an estimate).
#' @export
zph_periods <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                        terms = describe_terms(data, covariates), object = NULL) {
  cuts <- third_cuts(times_of_events(data))
  if (inherits(object, "cox_counts")) {
    counted <- counted_periods(object, data, cuts, cluster, terms, conf)
    if (!is.null(counted)) return(counted)
  }
  split <- split_time(data, cuts)
  edges <- c(min(data$start), cuts, max(data$stop))
  said <- character()
  rows <- lapply(seq_len(length(cuts) + 1L), function(period) {
    part <- take_rows(split$data, split$period == period)
    run <- captured(fit_cox(part, covariates, strata, cluster_of(part, cluster)$cluster, ties))
    estimates <- period_estimates(run$value, terms, conf)
    none <- is.na(estimates$estimate)
    if (any(none)) {
      why <- if (nzchar(run$error)) run$error else toString(estimates$term[none])
      said <<- c(said, sprintf("period %d: no finite estimate (%s)", period, why))
    }
    period_rows(estimates, terms, period, edges, sum(part$event))
  })
  list(table = do.call(rbind, rows), notes = c(merged_periods(cuts), said))
}

period_rows <- function(estimates, terms, period, edges, events) {
  cbind(
    data.frame(term = terms$term, period = period, from = edges[[period]], to = edges[[period + 1L]],
               events = events),
    estimates[c("estimate", "se", "hr", "lower", "upper", "p")]
  )
}

merged_periods <- function(cuts) {
  if (length(cuts) > 1L) return(character())
  sprintf("ties at few event times leave %d instead of 3 periods", length(cuts) + 1L)
}

# The same from a fit on counts, whose event times are taken period by period; NULL where a period has no estimate.
counted_periods <- function(object, data, cuts, cluster, terms, conf) {
  counts <- object$fit$counts
  edges <- c(min(data$start), cuts, max(data$stop))
  rows <- lapply(seq_len(length(cuts) + 1L), function(period) {
    from <- edges[[period]]
    to <- edges[[period + 1L]]
    window <- window_of_counts(counts, from, to)
    group <- if (nzchar(cluster)) data[[cluster]]
    here <- (counts$start < to & counts$stop > from)[counts$pattern]
    if (nzchar(cluster) && n_distinct(group[here]) == sum(here)) group <- NULL
    fit <- fit_counted(window, object$ties, group)
    if (is.null(fit)) return(NULL)
    period_rows(period_estimates(fit, terms, conf), terms, period, edges, sum(window$count[window$died]))
  })
  if (any(vapply(rows, is.null, TRUE))) return(NULL)
  list(table = do.call(rbind, rows), notes = merged_periods(cuts))
}

# Where the first and second third of the events end, as observed times; the last period keeps at least one event.
third_cuts <- function(event_times) {
  cuts <- unique(stats::quantile(event_times, c(1, 2) / 3, type = 1L, names = FALSE))
  cuts[cuts < max(event_times)]
}

# Rows split at the cuts: `data`, and of each piece the number of its `period` and of the `row` that it comes from. As
# survival::survSplit(), which makes a text of each new row's name: seconds and gigabytes of a million rows.
split_time <- function(data, cuts) {
  first <- findInterval(data$start, cuts) + 1L
  last <- findInterval(data$stop, cuts, left.open = TRUE) + 1L
  pieces <- last - first + 1L
  row <- rep.int(seq_len(nrow(data)), pieces)
  period <- sequence(pieces, first)
  begins <- period == first[row]
  ends <- period == last[row]
  start <- data$start[row]
  start[!begins] <- cuts[period[!begins] - 1L]
  stop <- data$stop[row]
  stop[!ends] <- cuts[period[!ends]]
  event <- as.logical(data$event)[row] & ends
  data <- at_rows(data, row)
  data[c("start", "stop", "event")] <- list(start, stop, event)
  list(data = data, period = period, row = row)
}

period_estimates <- function(object, terms, conf) {
  if (is.null(object)) {
    nothing <- stats::setNames(rep(NA_real_, nrow(terms)), terms$coefficient)
    return(coefficient_rows(terms, nothing, nothing, conf = conf))
  }
  names <- names(stats::coef(object))
  robust <- !is.null(object$naive.var)
  errors <- function(v) stats::setNames(sqrt(diag(as.matrix(v))), names)
  rows <- coefficient_rows(terms, stats::coef(object), errors(if (robust) object$naive.var else object$var),
                           if (robust) errors(object$var), conf)
  if (robust) rows$se <- rows$se_robust
  rows
}
