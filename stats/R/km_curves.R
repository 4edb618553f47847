#' Kaplan-Meier curves
#'
#' `survival::survfit()` in counting-process form. Intervals are log-log; where a cluster has several rows (a fact seen
#' in several runs) their standard error is the robust one. Where facts enter late and the first of them are nearly
#' alone, a curve begins later, of those without the event until then (see [followed_stretch()]), and the fit says so.
#'
#' @param data data.frame with `start`, `stop` (units of the study's time axis), `event`; `left` and `right` (the
#'   checkpoints around an event) are used for the risk table where they are present.
#' @param by column to stratify by, `""` for one curve of all. A numeric column is cut into thirds.
#' @param cluster column whose rows are not independent, `""` for none.
#' @param conf confidence level.
#' @return A list like that of [cox()], with the tables `curves` and `risk_table` of `docs/tables.md`.
#' @references Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure Time Data, 1.4 (log-log intervals).
#' @examples
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' curves <- km_curves(ready$data, by = "latent")$tables$curves
#' head(curves)
#' @export
km_curves <- function(data, by = "", cluster = "fact_id", conf = 0.95) {
  groups <- grouped_by(data, by)
  clustering <- cluster_of(data, cluster)
  rows <- data.frame(data[intersect(c("start", "stop", "event", "left", "right"), names(data))], .by = groups$value)
  if (nzchar(clustering$cluster)) rows$.cluster <- data[[clustering$cluster]]
  stretches <- stretches_of(rows, groups$value)
  followed <- do.call(rbind, lapply(seq_along(stretches), function(i) {
    within_stretch(rows[bare_codes(groups$value) == i, , drop = FALSE], stretches[[i]])
  }))
  formula <- stats::as.formula("Surv(start, stop, event) ~ .by", env = asNamespace("survival"))
  arguments <- list(formula = formula, data = quote(followed), conf.type = "log-log", conf.int = conf)
  if (nzchar(clustering$cluster)) arguments$cluster <- quote(.cluster)
  object <- do.call(survival::survfit, arguments)
  curves <- curve_rows(object, followed, stretches, min(data$start))
  text <- if (nzchar(by)) quoted(by) else "1"
  flat <- sprintf("no event among %d facts: the curve is flat", length(unique(data$fact_id)))
  list(
    object = object,
    fit = list(formula = paste("Surv(start, stop, event) ~", text), engine = engine("survival")),
    tables = list(
      curves = data.frame(by = rep(by, nrow(curves)), curves),
      risk_table = risk_rows(rows, by)
    ),
    remarks = c(groups$remarks, flat[!any(data$event)], cut_words(stretches)),
    notes = sub("standard errors", "intervals", c(groups$notes, clustering$note))
  )
}

# Rows of the table `curves` from a survfit object; a curve starts at time 0, or with its stretch, survival 1.
curve_rows <- function(object, data, stretches, begin) {
  strata <- levels(data$.by)
  sizes <- if (is.null(object$strata)) length(object$time) else as.integer(object$strata)
  last <- cumsum(sizes)
  parts <- lapply(seq_along(strata), function(i) {
    at <- seq(last[[i]] - sizes[[i]] + 1L, last[[i]])
    own <- take_rows(data, data$.by == strata[[i]])
    late <- stretches[[i]]$late
    origin <- if (late) stretches[[i]]$from else begin
    entered <- sum(own$start <= origin)
    data.frame(
      stratum = strata[[i]], time = c(if (late) origin else min(0, origin), object$time[at]),
      n_risk = c(entered, object$n.risk[at]), n_event = c(0, object$n.event[at]), n_censor = c(0, object$n.censor[at]),
      survival = c(1, object$surv[at]), lower = c(1, object$lower[at]), upper = c(1, object$upper[at])
    )
  })
  rows <- do.call(rbind, parts)
  # Before the first event nothing was estimated yet; log(-log(1)) has no limits.
  untouched <- rows$survival == 1
  rows$lower[untouched] <- rows$upper[untouched] <- 1
  cbind(rows, incidence = 1 - rows$survival, incidence_lower = 1 - rows$upper, incidence_upper = 1 - rows$lower)
}

# Numbers at risk just before each probe time, and events before it: who had the event at a time is still at risk just
# before, so that at risk, events and censored add up. Of more than `most` times about so many, evenly.
risk_rows <- function(data, by, most = 50L) {
  probes <- unlist(data[intersect(c("start", "stop", "left", "right"), names(data))], use.names = FALSE)
  times <- sort(unique(probes[!is.na(probes)]))
  if (length(times) > most) times <- unique(c(times[[1L]], pretty(times, most / 2), times[[length(times)]]))
  times <- times[times >= min(data$start) & times <= max(data$stop)]
  parts <- lapply(levels(data$.by), function(stratum) {
    own <- take_rows(data, data$.by == stratum)
    at_risk <- vapply(times, function(t) sum(own$start < t & own$stop >= t), 0L)
    at_risk[[1L]] <- sum(own$start <= times[[1L]])
    data.frame(by = by, stratum = stratum, time = times, n_risk = at_risk,
               events = vapply(times, function(t) sum(own$event & own$stop < t), 0L))
  })
  do.call(rbind, parts)
}

# The strata of a column as a factor in plain words. A numeric column with many values is cut into thirds.
grouped_by <- function(data, by) {
  if (!nzchar(by)) return(list(value = factor(rep("all", nrow(data)))))
  value <- data[[by]]
  notes <- remarks <- character()
  if (is.logical(value) || (is.factor(value) && all(levels(value) %in% c("FALSE", "TRUE")))) {
    value <- factor(value, c(FALSE, TRUE), c("no", "yes"))
  } else if (is.numeric(value) && length(unique(value)) > 5L) {
    keys <- intersect(c("run", "fact_id"), names(data))
    once <- if (length(keys)) of_spells(value, row_patterns(data, keys)) else value # a fact of many rows counts once
    breaks <- unique(stats::quantile(once, c(0, 1, 2, 3) / 3, names = FALSE))
    value <- cut(value, breaks, include.lowest = TRUE, dig.lab = 3L)
    notes <- paste(by, "is cut at the thirds of its values")
  } else {
    value <- factor(value)
  }
  value <- droplevels(value)
  if (nlevels(value) < 2L) remarks <- sprintf("%s is constant (%s): one curve", by, levels(value))
  list(value = value, notes = notes, remarks = remarks)
}
