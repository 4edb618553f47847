#' Probability of being in each state (Aalen-Johansen)
#'
#' The share of facts that are unknown, latent, known, forgotten or reacquired at each time, with the mean time spent in
#' each of them. Standard errors are infinitesimal jackknife ones, summed within clusters (a fact seen in several runs
#' counts once); they include that of the shares at baseline. Intervals are on the logit scale. Where the first to enter
#' are nearly alone, the curves begin later, with the shares of those who are followed then (see [followed_stretch()]),
#' and there are no mean times.
#'
#' @inheritParams check_states
#' @param by character, columns that split the curves (their combinations, joined by " / "); none for one set of curves.
#' @param cluster column whose rows are not independent, `""` for the histories themselves.
#' @param conf confidence level.
#' @param horizon time up to which mean times are taken; by default the last one at which every stratum is followed.
#'   There are none up to a later one.
#' @return A list like that of [cox()], with the tables `occupation` (one row per stratum, time and state) and
#'   `sojourns` (one row per stratum and state: mean time in it up to the horizon).
#' @references Aalen and Johansen (1978), Scandinavian Journal of Statistics 5:141. Therneau and Grambsch (2000), 2.2
#'   (infinitesimal jackknife).
#' @export
state_occupation <- function(data, by = character(), cluster = "fact_id", conf = 0.95, horizon = NULL) {
  by <- by[nzchar(by)]
  stratum <- combined(data, by)
  data$event <- data$to != levels(data$to)[[1L]]
  stretches <- stretches_of(data, stratum)
  ends <- vapply(stretches, `[[`, 0, "to")
  if (!length(horizon)) horizon <- min(ends)
  from_start <- !any(vapply(stretches, `[[`, TRUE, "late")) && horizon <= min(ends)
  parts <- lapply(seq_along(stretches), function(i) {
    level <- levels(stratum)[[i]]
    own <- within_stretch(data[bare_codes(stratum) == i, , drop = FALSE], stretches[[i]])
    begin <- stretches[[i]]$from
    fit <- if (any(own$event)) aalen_johansen(own, cluster, begin) else nobody_moved(own, cluster)
    list(curves = cbind(stratum = level, occupation_rows(fit, own, conf)),
         means = if (from_start) cbind(stratum = level, sojourn_rows(fit, begin, horizon, conf)))
  })
  bound <- function(name) {
    rows <- do.call(rbind, lapply(parts, `[[`, name))
    if (!is.null(rows)) cbind(by = paste(by, collapse = " / "), rows)
  }
  right <- if (length(by)) paste(quoted(by), collapse = " + ") else "1"
  list(
    fit = list(formula = paste("Surv(start, stop, to) ~", right), engine = engine("survival")),
    tables = list(occupation = bound("curves"), sojourns = bound("means")),
    remarks = cut_words(stretches),
    notes = if (from_start) sprintf("mean times up to %s", format(horizon)) else paste(
      "no mean times in states:", if (horizon > min(ends)) "the horizon is beyond what is followed" else "late entry"
    )
  )
}

# Combinations of columns as one factor, in the order of their levels.
combined <- function(data, by) {
  if (!length(by)) return(factor(rep("all", nrow(data))))
  crossed(lapply(by, function(column) grouped_by(data, column)$value), " / ")
}

aalen_johansen <- function(data, cluster, start) {
  id <- subject_of(data)
  data <- data.frame(data[c("start", "stop", "from", "to")], .id = id,
                     .cluster = if (nzchar(cluster)) data[[cluster]] else id)
  do.call(survival::survfit, list(
    state_formula("1"), data = quote(data), id = quote(.id), istate = quote(from), cluster = quote(.cluster),
    start.time = start, conf.type = "none"
  ))
}

# survfit() has no curve without a transition: the shares at the start stay what they are.
nobody_moved <- function(data, cluster) {
  states <- levels(factor(data$from))
  here <- outer(as.character(data$from), states, "==")
  share <- colMeans(here)
  pooled <- rowsum(sweep(here, 2L, share) / nrow(data), if (nzchar(cluster)) data[[cluster]] else subject_of(data))
  se <- sqrt(colSums(pooled^2))
  list(states = states, time = max(data$stop), n.risk = colSums(here), p0 = share, pstate = share, std.err = se,
       se0 = se)
}

# One row per time and state, the first time being the start.
occupation_rows <- function(fit, data, conf) {
  states <- fit$states
  begin <- min(data$start)
  first <- data[data$start == begin, , drop = FALSE]
  time <- c(begin, fit$time)
  risk <- rbind(vapply(states, function(state) sum(first$from == state), 0L), matrix(fit$n.risk, ncol = length(states)))
  probability <- rbind(as.numeric(fit$p0), matrix(fit$pstate, ncol = length(states)))
  se <- rbind(start_errors(fit), matrix(fit$std.err, ncol = length(states)))
  rows <- data.frame(
    time = rep(time, length(states)), state = rep(states, each = length(time)), n_risk = as.integer(risk),
    probability = pmin(pmax(as.numeric(probability), 0), 1), se = as.numeric(se) # rounding leads to 1 + 2e-16
  )
  cbind(rows, logit_interval(rows$probability, rows$se, conf))
}

# Where all start in one state there is no error at the start, and survival gives none.
start_errors <- function(fit) if (is.null(fit$se0)) rep(0, length(fit$states)) else as.numeric(fit$se0)

# Inside (0, 1); a share of zero or one has no error to speak of and keeps its value.
logit_interval <- function(p, se, conf) {
  sure <- se < 1e-12 | p < 1e-12 | p > 1 - 1e-12
  half <- stats::qnorm(1 - (1 - conf) / 2) * se / (p * (1 - p))
  centre <- stats::qlogis(p)
  data.frame(lower = ifelse(sure, p, stats::plogis(centre - half)),
             upper = ifelse(sure, p, stats::plogis(centre + half)))
}

# Mean time in each state up to the horizon, with plain intervals.
sojourn_rows <- function(fit, begin, horizon, conf) {
  still <- cbind(rmean = as.numeric(fit$p0), "se(rmean)" = start_errors(fit)) * (horizon - begin)
  means <- if (inherits(fit, "survfit")) summary(fit, rmean = horizon)$table else still
  half <- stats::qnorm(1 - (1 - conf) / 2) * means[, "se(rmean)"]
  data.frame(state = fit$states, horizon = horizon, mean = means[, "rmean"], se = means[, "se(rmean)"],
             lower = pmax(0, means[, "rmean"] - half), upper = pmin(horizon, means[, "rmean"] + half), row.names = NULL)
}
