#' Restricted mean time without the event, and its differences between groups
#'
#' The area under the Kaplan-Meier curve up to a horizon: the mean time that a fact spends without the event until then.
#' Its difference between groups needs no proportional hazards. The horizon is the last time at which every group is
#' still followed. Standard errors are infinitesimal jackknife ones, summed within clusters: a fact seen in several
#' runs, or in both of the groups, counts once. With one row a cluster they are Greenwood's.
#'
#' @inheritParams km_curves
#' @return A list like that of [cox()], with the table `rmst`: one row for each group but the first, the reference;
#'   all times in units of the time axis.
#' @references Royston and Parmar (2013), BMC Medical Research Methodology 13:152. Therneau and Grambsch (2000), 2.2
#'   (infinitesimal jackknife).
#' @export
rmst_difference <- function(data, by, cluster = "fact_id", conf = 0.95) {
  groups <- grouped_by(data, by)
  if (nlevels(groups$value) < 2L) {
    return(list(status = "not estimable", reason = sprintf("%s is constant: there is nothing to compare", by)))
  }
  horizon <- min(tapply(data$stop, groups$value, max))
  clustering <- cluster_of(data, cluster)
  id <- if (nzchar(clustering$cluster)) data[[cluster]] else seq_len(nrow(data))
  id <- match(id, unique(id))
  means <- lapply(levels(groups$value), function(level) restricted_mean(data, groups$value == level, horizon, id))
  rows <- lapply(seq_along(means)[-1L], function(i) {
    data.frame(by = by, group = levels(groups$value)[[i]], compare_means(means[[i]], means[[1L]], conf))
  })
  rows <- cbind(do.call(rbind, rows), reference = levels(groups$value)[[1L]], horizon = horizon)
  list(
    fit = list(formula = paste("Surv(start, stop, event) ~", quoted(by)), engine = "restricted mean"),
    tables = list(rmst = rows),
    remarks = character(),
    notes = c(groups$notes, sprintf("horizon %s, the last time at which every group is followed", format(horizon)),
              clustering$note)
  )
}

# Mean time up to the horizon, and what each cluster contributes to its error.
restricted_mean <- function(data, chosen, horizon, id) {
  own <- data[chosen, , drop = FALSE]
  times <- sort(unique(own$stop[own$event & own$stop <= horizon]))
  at_risk <- vapply(times, function(t) sum(own$start < t & own$stop >= t), 0)
  events <- vapply(times, function(t) sum(own$event & own$stop == t), 0)
  hazard <- events / at_risk
  curve <- c(1, cumprod(1 - hazard))
  begin <- min(data$start)
  widths <- diff(c(begin, times, horizon))
  area <- curve * widths
  # Area still to come after each event time: what a change of the log survival there is worth.
  later <- rev(cumsum(rev(area)))[-1L]
  worth <- ifelse(events < at_risk, later / (at_risk - events), 0)
  influence <- -vapply(seq_len(nrow(own)), function(i) {
    here <- own$start[[i]] < times & times <= own$stop[[i]]
    sum(worth[here] * ((own$event[[i]] & own$stop[[i]] == times[here]) - hazard[here]))
  }, 0)
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
