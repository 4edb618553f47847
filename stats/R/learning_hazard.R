# Baseline hazards of simulated learning, and the times that they give. Time is cut at every checkpoint (and finer
# where an effect changes with time); within a piece the hazard is constant.

# Edges of the pieces: the checkpoints, each interval cut into `pieces` parts.
piece_edges <- function(checkpoints, pieces) {
  ends <- c(0, checkpoints)
  inside <- lapply(seq_along(checkpoints), function(k) {
    seq(ends[[k]], ends[[k + 1L]], length.out = pieces + 1L)[-1L]
  })
  c(0, unlist(inside))
}

# Effect of a term in every piece, relative to the first: 1 where proportional, else `change$to` from `change$time` on
# (as a share of the log hazard ratio), or 1 + slope * log(middle / first checkpoint).
effect_course <- function(edges, checkpoints, change) {
  middle <- (edges[-1L] + edges[-length(edges)]) / 2
  if (is.null(change)) return(rep(1, length(middle)))
  if (!is.null(change$slope)) return(1 + change$slope * log(middle / checkpoints[[1L]]))
  if (is.null(change$time) || is.null(change$to)) {
    stop("`change` is list(term, time, to) or list(term, slope)", call. = FALSE)
  }
  ifelse(middle < change$time, 1, change$to)
}

# Increments of the cumulative baseline hazard in every piece, so that the share of facts with the event at the
# checkpoints is `curve`: of the facts whose log hazards are the rows of `log_hazard` (one column a piece; -Inf: never).
# One row of zeros makes it the curve of the reference facts.
baseline_from_curve <- function(curve, log_hazard, pieces) {
  check_curve(curve)
  hazard <- exp(log_hazard)
  gone <- numeric(nrow(hazard))
  increments <- numeric(length(curve) * pieces)
  for (k in seq_along(curve)) {
    columns <- (k - 1L) * pieces + seq_len(pieces)
    here <- rowSums(hazard[, columns, drop = FALSE]) / pieces
    short <- function(increment) mean(exp(-gone - increment * here)) - (1 - curve[[k]])
    never <- mean(exp(-gone) * (here == 0))
    if (1 - curve[[k]] <= never) {
      stop(sprintf("the curve reaches %.3g at checkpoint %d, and only %.3g of the facts ever can", curve[[k]], k,
                   1 - never), call. = FALSE)
    }
    if (short(0) > 1e-12) {
      top <- 1
      while (short(top) > 0) top <- 2 * top
      increment <- stats::uniroot(short, c(0, top), tol = 1e-10)$root
      increments[columns] <- increment / pieces
      gone <- gone + increment * here
    }
  }
  increments
}

# A Weibull cumulative hazard (time / scale)^shape, in increments.
baseline_weibull <- function(edges, shape, scale) diff((edges / scale)^shape)

check_curve <- function(curve) {
  if (!is.numeric(curve) || !length(curve) || anyNA(curve) || any(curve < 0) || any(curve >= 1) ||
        is.unsorted(curve) || curve[[length(curve)]] == 0) {
    stop("`curve` is the share of facts that have had the event by each checkpoint: numbers from 0 to below 1 that ",
         "never fall and end above 0, not ", toString(format(curve, digits = 3L)), call. = FALSE)
  }
  invisible(curve)
}

# Times by inversion: a unit exponential is spent piece by piece. Inf: not by the end.
event_times <- function(increments, log_hazard, edges) {
  spent <- exp(log_hazard) * rep(increments, each = nrow(log_hazard))
  for (k in seq_len(ncol(spent))[-1L]) spent[, k] <- spent[, k] + spent[, k - 1L]
  needed <- stats::rexp(nrow(spent))
  piece <- rowSums(spent < needed) + 1L
  inside <- piece <= ncol(spent)
  times <- rep(Inf, nrow(spent))
  row <- which(inside)
  at <- piece[inside]
  after <- spent[cbind(row, at)]
  before <- ifelse(at > 1L, spent[cbind(row, pmax(at - 1L, 1L))], 0)
  times[inside] <- edges[at] + (needed[inside] - before) / (after - before) * (edges[at + 1L] - edges[at])
  times
}
