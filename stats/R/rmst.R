#' Restricted mean time without the event, and its differences between groups
#'
#' The area under the Kaplan-Meier curve up to a horizon: the mean time that a fact spends without the event until then.
#' Its difference between groups needs no proportional hazards. The horizon is the last time at which every group is
#' still followed. Standard errors are infinitesimal jackknife ones, summed within clusters: a fact seen in several
#' runs, or in both of the groups, counts once. With one row a cluster they are Greenwood's. There is no mean where the
#' first facts of a group are nearly alone before the others enter: it would rest on them (see [followed_stretch()]).
#'
#' Where the table says how many training examples the model had seen at the start and stop of each row
#' (`start_examples`, `stop_examples`), the same is done on that axis: an epoch of one recipe may be several of another.
#'
#' @inheritParams km_curves
#' @param horizon time up to which means are taken, in units of the time axis; by default the last time at which every
#'   group is still followed. A later one is refused, unless a group has no fact left without the event by then. On the
#'   axis of examples it is always the default.
#' @return A list like that of [cox()], with the table `rmst`: one row for each `axis` (`time`, in units of the time
#'   axis, and `examples`) and each group but the first, the reference.
#' @references Royston and Parmar (2013), BMC Medical Research Methodology 13:152. Therneau and Grambsch (2000), 2.2
#'   (infinitesimal jackknife).
#' @examples
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' rmst_difference(ready$data, by = "latent", horizon = 10)$tables
#' @export
rmst_difference <- function(data, by, cluster = "fact_id", conf = 0.95, horizon = NULL) {
  groups <- grouped_by(data, by)
  if (nlevels(groups$value) < 2L) {
    return(list(status = "not estimable", reason = sprintf("%s is constant: there is nothing to compare", by)))
  }
  clustering <- cluster_of(data, cluster)
  id <- if (nzchar(clustering$cluster)) data[[cluster]] else seq_len(nrow(data))
  id <- match(id, unique(id))
  axes <- axes_of(data)
  stretches <- lapply(axes, stretches_of, groups = groups$value)
  known <- !vapply(stretches, function(of_axis) any(vapply(of_axis, `[[`, TRUE, "late")), TRUE)
  if (!any(known)) {
    thin <- paste(thin_words(stretches[[1L]]), collapse = "; ")
    reason <- paste("a mean time from the start would rest on the first few who enter:", thin)
    return(list(status = "not estimable", reason = reason))
  }
  beyond <- if (known[["time"]]) beyond_follow_up(horizon, axes$time, groups$value, stretches$time)
  if (length(beyond)) return(list(status = "not estimable", reason = beyond))
  rows <- lapply(names(axes)[known], function(axis) {
    end <- min(vapply(stretches[[axis]], `[[`, 0, "to"))
    if (axis == "time" && length(horizon)) end <- horizon
    data.frame(by = by, axis = axis, compare_groups(axes[[axis]], groups$value, id, conf, end))
  })
  rows <- do.call(rbind, rows)
  list(
    fit = list(formula = paste("Surv(start, stop, event) ~", quoted(by)), engine = "restricted mean"),
    tables = list(rmst = rows),
    remarks = thin_words(stretches$time),
    notes = c(groups$notes, paste("horizon", format(rows$horizon[[1L]]), if (known[["time"]] && length(horizon)) {
      "as asked for"
    } else {
      "the last time at which all are followed"
    }, sep = ", "), clustering$note)
  )
}

# The axes on which time is known: the study's own, and training examples where they are something else.
axes_of <- function(data) {
  own <- data[c("start", "stop", "event")]
  if (!all(c("start_examples", "stop_examples") %in% names(data))) return(list(time = own))
  examples <- data.frame(start = data$start_examples, stop = data$stop_examples, event = data$event)
  known <- !anyNA(examples) && all(examples$stop > examples$start)
  if (!known || isTRUE(all.equal(examples$stop, own$stop))) return(list(time = own))
  list(time = own, examples = examples)
}

# Why there is no mean up to an asked horizon: a group is not followed that far, and its curve has not reached zero.
beyond_follow_up <- function(horizon, data, group, stretches) {
  if (!length(horizon)) return(character())
  if (horizon <= min(data$start)) return(sprintf("the horizon %s is before the start", format(horizon)))
  ends <- vapply(levels(group), function(level) {
    own <- data[group == level, , drop = FALSE]
    last <- own$stop == max(own$stop)
    if (!stretches[[level]]$early && all(own$event[last])) Inf else stretches[[level]]$to
  }, 0)
  if (horizon <= min(ends)) return(character())
  sprintf("the horizon %s is beyond %s, the last time at which every group is followed", format(horizon),
          format(min(ends)))
}

# Every group against the first one.
compare_groups <- function(data, group, id, conf, horizon) {
  means <- lapply(levels(group), function(level) restricted_mean(data, group == level, horizon, id))
  rows <- lapply(seq_along(means)[-1L], function(i) {
    data.frame(group = levels(group)[[i]], reference = levels(group)[[1L]], horizon = horizon,
               compare_means(means[[i]], means[[1L]], conf))
  })
  do.call(rbind, rows)
}

# Mean time up to the horizon, and what each cluster contributes to its error.
restricted_mean <- function(data, chosen, horizon, id) {
  own <- data[chosen, , drop = FALSE]
  times <- sort(unique(own$stop[own$event & own$stop <= horizon]))
  before <- function(x) findInterval(times, sort(x), left.open = TRUE) # how many of x are below each time
  at_risk <- before(own$start) - before(own$stop)
  at <- match(own$stop, times)
  at[!own$event] <- NA
  events <- tabulate(at, length(times))
  hazard <- events / at_risk
  curve <- c(1, cumprod(1 - hazard))
  begin <- min(data$start)
  widths <- diff(c(begin, times, horizon))
  area <- curve * widths
  # Area still to come after each event time: what a change of the log survival there is worth.
  later <- rev(cumsum(rev(area)))[-1L]
  worth <- ifelse(events < at_risk, later / (at_risk - events), 0)
  expected <- function(x) c(0, cumsum(worth * hazard))[findInterval(x, times) + 1L] # worth of the hazard up to x
  influence <- expected(own$stop) - expected(own$start) - ifelse(is.na(at), 0, worth[at])
  pooled <- numeric(max(id))
  sums <- rowsum(influence, id[chosen])
  pooled[as.integer(rownames(sums))] <- sums
  list(mean = sum(area), influence = pooled)
}

compare_means <- function(mean, reference, conf) {
  error <- function(influence) sqrt(sum(influence^2))
  se <- error(mean$influence - reference$influence)
  difference <- mean$mean - reference$mean
  half <- stats::qnorm(1 - (1 - conf) / 2) * se
  data.frame(
    rmst = mean$mean, rmst_se = error(mean$influence), rmst_reference = reference$mean,
    rmst_reference_se = error(reference$influence), difference = difference, se = se, lower = difference - half,
    upper = difference + half, p = if (se > 0) 2 * stats::pnorm(-abs(difference / se)) else NA_real_
  )
}
