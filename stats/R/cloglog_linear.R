# The grouped-time model of many rows, in time and memory that grow with the rows: glm() has a row for each pattern and
# period and a column for each period (4 GB at 10^6 rows of 20 periods). A period's baseline meets only the rows at risk
# in it, so that the information of the baselines is diagonal and they are eliminated; what is left has a row and a
# column for each covariate. Fisher scoring with the expected information, as in glm(): the same maximum and errors.
# Prentice and Gloeckler (1978), Biometrics 34:57. Liang and Zeger (1986), Biometrika 73:13, eq. 9 (robust errors).

# NULL where rows are few enough for glm(): fewer than `few`, and at most `cells` in its design and the clusters' sums.
# The time grows with the person-periods of different rows, a minute for 2e7; more than `most` are left out.
cloglog_linear <- function(numbers, link, cluster, few = 10000L, cells = 2e6, most = 1e8) {
  rows <- numbers$rows
  counts <- count_rows(rows, numbers$x, numbers$strata)
  size <- sum(as.double(pmax(counts$last - counts$first + 1L, 0L)))
  moments <- n_distinct(times_of_events(rows))
  if (nrow(rows) < few && max(size, nrow(rows)) * moments <= cells) return(NULL)
  if (sum(rows$event) < 5 * moments) check_size(size, moments)
  if (size > most) {
    no_estimate(sprintf(paste("the grouped-time model of %.0f person-period rows would take long and is left out (it",
                              "is fitted up to %.0e)"), size, most))
  }
  periods <- periods_of(counts)
  maximum <- grouped_maximum(periods, grouped_links[[link]])
  named <- function(value) stats::setNames(value, numbers$x)
  robust <- if (nzchar(cluster)) {
    change <- grouped_scores(periods, grouped_links[[link]], maximum) %*% maximum$variance
    named(sqrt(diag(crossprod(sums_by_cluster(change, counts$pattern, rows$.cluster)))))
  }
  c(maximum[c("converged", "iterations", "loglik", "null")], list(
    estimate = named(maximum$at$beta), errors = named(sqrt(diag(maximum$variance))), robust = robust,
    periods = length(periods$moment), rows = sum(periods$at_risk), patterns = sum(periods$size[periods$moment])
  ))
}

# Patterns by stratum and their last event time, the latest first: those still followed at an event time are `size` of
# them, after the `before` of earlier strata. `ending` of these have it as their last. Of the event times, `moment` are
# those at which not everybody has the event.
periods_of <- function(counts) {
  order <- order(counts$stratum, -counts$last, method = "radix")
  moments <- length(counts$times)
  died <- which(counts$died)
  deaths <- drop(sums_at(as.matrix(counts$count[died]), counts$last[died], moments))
  at_risk <- drop(sums_at_risk(as.matrix(counts$count), counts))
  moment <- which(deaths < at_risk)
  if (!length(moment)) no_estimate("in every period nobody or everybody at risk had the event")
  stratum <- counts$stratum[died][match(seq_len(moments), counts$last[died])]
  own <- counts$last > 0L & counts$stratum == stratum[pmax(counts$last, 1L)]
  ending <- tabulate(counts$last[own], moments)
  list(x = counts$x[order, , drop = FALSE], count = counts$count[order], died = counts$died[order],
       first = counts$first[order], late = max(counts$first[own] - match(stratum, stratum)[counts$last[own]]) > 0L,
       order = order, before = c(0L, cumsum(tabulate(counts$stratum)))[stratum], ending = ending,
       size = as.integer(stats::ave(ending, stratum, FUN = function(n) rev(cumsum(rev(n))))), moment = moment,
       share = (deaths / at_risk)[moment], at_risk = at_risk[moment])
}

# d loglik / d eta and the log likelihood of each row, with the event or without, and the expected information.
grouped_links <- list(
  cloglog = list(start = function(share) log(-log1p(-share)), of = function(eta, died) {
    hazard <- pmin(pmax(exp(eta), .Machine$double.eps), 700) # glm()'s limits: neither 0 nor infinite
    ratio <- hazard / expm1(hazard)
    list(score = ifelse(died, ratio, -hazard), loglik = ifelse(died, log(-expm1(-hazard)), -hazard),
         weight = hazard * ratio)
  }),
  logit = list(start = stats::qlogis, of = function(eta, died) {
    mu <- stats::plogis(eta)
    list(score = died - mu, loglik = stats::plogis(ifelse(died, eta, -eta), log.p = TRUE), weight = mu * (1 - mu))
  })
)

# The patterns at risk in the k-th period, and what the link says of each.
in_period <- function(periods, link, at, eta, k) {
  moment <- periods$moment[[k]]
  size <- periods$size[[moment]]
  rows <- periods$before[[moment]] + seq_len(size)
  died <- seq_len(size) > size - periods$ending[[moment]] & periods$died[rows]
  if (periods$late) {
    entered <- periods$first[rows] <= moment
    rows <- rows[entered]
    died <- died[entered]
  }
  c(list(rows = rows), link$of(at$base[[k]] + eta[rows], died))
}

grouped_sums <- function(periods, link, at) {
  x <- periods$x
  eta <- drop(x %*% at$beta)
  score <- weight <- numeric(nrow(x))
  of_period <- matrix(0, length(periods$moment), ncol(x) + 3L)
  for (k in seq_along(periods$moment)) {
    here <- in_period(periods, link, at, eta, k)
    rows <- here$rows
    count <- periods$count[rows]
    weights <- count * here$weight
    scores <- count * here$score
    weight[rows] <- weight[rows] + weights
    score[rows] <- score[rows] + scores
    of_period[k, ] <- c(sum(count * here$loglik), sum(scores), sum(weights),
                        crossprod(weights, x[rows, , drop = FALSE]))
  }
  mixed <- of_period[, -(1:3), drop = FALSE]
  mean <- mixed / of_period[, 3L]
  list(loglik = sum(of_period[, 1L]), gained = of_period[, 2L], own = of_period[, 3L], mixed = mixed, mean = mean,
       score = drop(crossprod(x, score)) - drop(crossprod(mean, of_period[, 2L])),
       information = crossprod(x, weight * x) - crossprod(mixed, mean))
}

grouped_maximum <- function(periods, link, limit = 50L) {
  at <- list(beta = numeric(ncol(periods$x)), base = link$start(periods$share))
  sums <- grouped_sums(periods, link, at)
  null <- sums$loglik # each period has the share of events that was seen in it
  for (iteration in seq_len(limit)) {
    variance <- inverse_of(sums$information)
    if (is.null(variance)) stop("the information of the grouped-time model is singular", call. = FALSE)
    beta <- drop(variance %*% sums$score)
    base <- (sums$gained - drop(sums$mixed %*% beta)) / sums$own
    # Twice what is still to be gained: the last step begins within 1e-7 standard errors.
    settled <- sum(beta * sums$score) + sum(sums$gained^2 / sums$own) < 1e-14
    for (halving in 0:20) {
      ahead <- list(beta = at$beta + beta * 2^-halving, base = at$base + base * 2^-halving)
      reached <- grouped_sums(periods, link, ahead)
      if (settled || (is.finite(reached$loglik) && reached$loglik >= sums$loglik)) break
    }
    at <- ahead
    sums <- reached
    if (settled) break
  }
  variance <- inverse_of(sums$information)
  if (is.null(variance)) stop("the information of the grouped-time model is singular", call. = FALSE)
  list(at = at, mean = sums$mean, variance = variance, loglik = sums$loglik, null = null, iterations = iteration,
       converged = settled)
}

# Of one row of each pattern, over its periods: the score of the coefficients with the baselines eliminated.
grouped_scores <- function(periods, link, maximum) {
  eta <- drop(periods$x %*% maximum$at$beta)
  scores <- array(0, dim(periods$x))
  for (k in seq_along(periods$moment)) {
    here <- in_period(periods, link, maximum$at, eta, k)
    from_mean <- periods$x[here$rows, , drop = FALSE] - rep(maximum$mean[k, ], each = length(here$rows))
    scores[here$rows, ] <- scores[here$rows, , drop = FALSE] + here$score * from_mean
  }
  scores[order(periods$order), , drop = FALSE]
}
