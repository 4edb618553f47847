# Likelihood of interval-censored proportional hazards with a piecewise-constant baseline.
#
# With H the baseline cumulative hazard and w = exp(eta), a row that enters at e and has its event in (l, r] contributes
# the log of exp(-w H(e, l)) times 1 - exp(-w H(l, r)), a row censored at l the first factor only. H is linear within
# a piece; its increments over the pieces, u >= 0, are the parameters. `known` and `event` hold the share of each piece
# that lies in (e, l] and in (l, r].

# Design of all rows: pieces of each stratum, from the union of all times in it.
baseline_pieces <- function(rows, stratum, most) {
  blocks <- lapply(levels(stratum), function(level) stratum_pieces(rows, stratum == level, most))
  bound <- function(what) do.call(cbind, lapply(blocks, `[[`, what))
  endless <- lapply(blocks, `[[`, "endless")
  list(
    known = bound("known"), event = bound("event"), certain = Reduce(`|`, lapply(blocks, `[[`, "certain")),
    left = unlist(lapply(blocks, `[[`, "left")), right = unlist(lapply(blocks, `[[`, "right")),
    stratum = rep(levels(stratum), lengths(lapply(blocks, `[[`, "right"))),
    endless = do.call(rbind, endless), cells = sum(vapply(blocks, `[[`, 0L, "cells"))
  )
}

# The hazard can be above 0 only in pieces that begin where a row is known to be without the event and end where an
# interval ends or a row enters: anywhere else moving it would raise the likelihood (Turnbull 1976, Alioum and Commenges
# 1996, Biometrics 52:512). Where nobody is known to have got through a piece the hazard has no bound, and an event
# whose interval reaches there was certain to come.
stratum_pieces <- function(rows, own, most) {
  own_rows <- lapply(rows, `[`, own)
  points <- sort(unique(c(own_rows$entry, own_rows$left, own_rows$right[own_rows$event])))
  ends <- points[-1L]
  begins <- points[-length(points)]
  room <- begins %in% own_rows$left & ends %in% c(own_rows$right, own_rows$entry)
  if (sum(room) > most) {
    # Too many: joined, so that each piece has as many ends of events.
    cuts <- stats::quantile(own_rows$right[own_rows$event], seq_len(most - 1L) / most, type = 1L, names = FALSE)
    points <- sort(unique(c(points[[1L]], cuts, points[[length(points)]])))
    ends <- points[-1L]
    begins <- points[-length(points)]
    room <- rep(TRUE, length(ends))
  }
  known <- share_of_pieces(rows$entry, rows$left, points) * own
  event <- share_of_pieces(rows$left, pmin(rows$right, max(points)), points) * (own & rows$event)
  possible <- room & colSums(event) > 0
  endless <- possible & colSums(known) == 0
  kept <- possible & !endless
  list(
    known = known[, kept, drop = FALSE], event = event[, kept, drop = FALSE], left = begins[kept], right = ends[kept],
    certain = rowSums(event[, endless, drop = FALSE]) > 0, cells = length(ends),
    endless = data.frame(left = begins[endless], right = ends[endless])[seq_len(any(endless)), ]
  )
}

share_of_pieces <- function(from, to, points) {
  share <- vapply(seq_along(points)[-1L], function(j) {
    pmax(pmin(to, points[[j]]) - pmax(from, points[[j - 1L]]), 0) / (points[[j]] - points[[j - 1L]])
  }, numeric(length(from)))
  matrix(share, nrow = length(from))
}

# Log likelihood of each row, and its derivatives by eta and u. g(v) = log(1 - exp(-v)), v = w u'event.
row_terms <- function(beta, u, x, pieces, happened) {
  w <- exp(drop(x %*% beta))
  passed <- w * drop(pieces$known %*% u)
  v <- ifelse(happened, w * drop(pieces$event %*% u), 1)
  slope <- ifelse(happened, 1 / expm1(v), 0)
  list(w = w, passed = passed, v = v, slope = slope, bend = slope * (1 + slope),
       loglik = -passed + ifelse(happened, log(-expm1(-v)), 0))
}

row_scores <- function(terms, x, pieces) {
  cbind(x * (terms$v * terms$slope - terms$passed), terms$w * (terms$slope * pieces$event - pieces$known))
}

# Observed information (the negative Hessian), rows weighted.
information <- function(terms, x, pieces, weight) {
  by_eta <- terms$passed - terms$v * terms$slope + terms$v^2 * terms$bend
  mixed <- terms$w * (pieces$known - (terms$slope - terms$v * terms$bend) * pieces$event)
  corner <- crossprod(x, weight * mixed)
  rbind(cbind(crossprod(x, weight * by_eta * x), corner),
        cbind(t(corner), crossprod(pieces$event, weight * terms$w^2 * terms$bend * pieces$event)))
}

# Maximum over beta and u >= 0 by a trust region (nlminb) with analytic derivatives.
maximise_interval <- function(x, pieces, happened, weight) {
  size <- ncol(x)
  split <- function(p) list(beta = p[seq_len(size)], u = p[size + seq_len(ncol(pieces$known))])
  terms_at <- function(p) row_terms(split(p)$beta, split(p)$u, x, pieces, happened)
  objective <- function(p) {
    value <- -sum(weight * terms_at(p)$loglik)
    if (is.finite(value)) value else Inf
  }
  gradient <- function(p) -colSums(weight * row_scores(terms_at(p), x, pieces))
  hessian <- function(p) information(terms_at(p), x, pieces, weight)
  # Each event spread evenly over its interval, divided by the rows at risk: an actuarial life table.
  spread <- pieces$event / pmax(rowSums(pieces$event), 1e-300) * happened
  exposed <- pmax(colSums(weight * (pieces$known + spread)), 1e-300)
  begin <- c(numeric(size), pmax(colSums(weight * spread) / exposed, 1e-6))
  lower <- c(rep(-Inf, size), rep(0, length(begin) - size))
  found <- stats::nlminb(begin, objective, gradient, hessian, lower = lower,
                         control = list(rel.tol = 1e-13, x.tol = 1e-10, iter.max = 500L, eval.max = 1000L))
  free <- c(rep(TRUE, size), split(found$par)$u > 1e-9)
  found$par <- polished(found$par, free, lower, gradient, hessian)
  at <- split(found$par)
  list(beta = at$beta, u = at$u, free = free, terms = terms_at(found$par),
       information = hessian(found$par)[free, free, drop = FALSE],
       loglik = -found$objective, iterations = found$iterations, converged = settled(found, gradient, free),
       message = found$message)
}

# The search stops when the likelihood stops growing; a few Newton steps more make the coefficients exact.
polished <- function(par, free, lower, gradient, hessian) {
  for (step in 1:3) {
    slope <- gradient(par)[free]
    better <- par
    better[free] <- par[free] - tryCatch(solve(hessian(par)[free, free, drop = FALSE], slope), error = function(e) 0)
    if (any(better < lower) || !isTRUE(max(abs(gradient(better)[free])) < max(abs(slope)))) return(par)
    par <- better
  }
  par
}

# nlminb may stop on a flat likelihood: what counts is that no free direction leads upwards, nor any away from 0.
settled <- function(found, gradient, free) {
  slope <- gradient(found$par)
  near <- 1e-5 * (1 + abs(found$objective))
  all(is.finite(slope)) && all(abs(slope[free]) < near) && all(slope[!free] > -near)
}
