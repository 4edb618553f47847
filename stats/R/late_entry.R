#' The stretch of time in which enough are followed
#'
#' Where facts enter late, the first of them may be alone for a while. A curve takes its risk sets one after the other:
#' the event of a single fact at risk drops it to zero, whoever enters later. Not so a Cox model, in which a risk set of
#' one says nothing. A time is *thin* where fewer than ten are at risk, and fewer than a third of those at risk at some
#' later time; a dwindling end is not thin, for nobody enters after it. Thin times cut the axis into stretches, and the
#' one with most events is kept (of equals the later one): a curve that begins later than its data is conditional on
#' the event not having happened until then.
#'
#' @param data data.frame with `start`, `stop`, `event`: of one curve.
#' @param begin where the time axis begins.
#' @param enough number at risk that is never thin.
#' @return A list: `from`, `to` (units of the time axis), `late`, `early` (does the stretch begin after `begin`, end
#'   before the last row does?), `thin` (plain words on the times before and after it that are thin).
#' @references Klein and Moeschberger (2003), Survival Analysis, 4.6 (left truncation: small early risk sets, and the
#'   curve conditional on reaching a later time).
#' @export
followed_stretch <- function(data, begin = min(data$start), enough = 10L) {
  end <- max(data$stop)
  whole <- list(from = begin, to = end, late = FALSE, early = FALSE, thin = character())
  if (max(data$start) <= begin) return(whole)
  times <- sort(unique(c(begin, data$start, data$stop)))
  # Spells that touch up to rounding leave no gap between them: survival's own tolerance for equal times.
  same <- sqrt(.Machine$double.eps) * max(abs(times))
  times <- times[c(TRUE, diff(times) > same)]
  here <- times[-length(times)]
  at_risk <- findInterval(here + same, sort(data$start)) - findInterval(here + same, sort(data$stop))
  later <- c(rev(cummax(rev(at_risk)))[-1L], 0)
  thin <- at_risk < pmin(enough, later / 3)
  if (!any(thin)) return(whole)
  runs <- rle(thin)
  last <- cumsum(runs$lengths)
  stretches <- data.frame(from = here[last - runs$lengths + 1L], to = times[-1L][last])[!runs$values, ]
  until <- function(time) findInterval(time, sort(times_of_events(data)))
  events <- until(stretches$to) - until(stretches$from)
  kept <- stretches[max(which(events == max(events))), ]
  few <- function(inside) if (any(inside)) sprintf("%d at risk, later up to %d", min(at_risk[inside]), max(at_risk))
  words <- c(
    sprintf("too few are followed before %s (%s)", format(kept$from), few(thin & here < kept$from)),
    sprintf("too few are followed after %s, before others enter (%s)", format(kept$to), few(thin & here >= kept$to))
  )
  list(from = kept$from, to = kept$to, late = kept$from > begin, early = kept$to < end, thin = words)
}

# The rows of a stretch: at risk from its begin, censored at its end.
within_stretch <- function(data, stretch) {
  if (!stretch$late && !stretch$early) return(data)
  data <- data[data$stop > stretch$from & data$start < stretch$to, , drop = FALSE]
  beyond <- data$stop > stretch$to
  data$event <- as.logical(data$event) & !beyond
  if ("to" %in% names(data)) data$to[beyond] <- levels(data$to)[[1L]]
  data$start <- pmax(data$start, stretch$from)
  data$stop <- pmin(data$stop, stretch$to)
  data
}

# Each level's own stretch on one axis.
stretches_of <- function(data, groups) {
  lapply(stats::setNames(nm = levels(groups)), function(level) {
    followed_stretch(data[groups == level, , drop = FALSE], min(data$start))
  })
}

# Where it is thin, with the level where there are several; and what became of the curve.
thin_words <- function(stretches) {
  told <- lapply(seq_along(stretches), function(i) {
    words <- stretches[[i]]$thin
    if (length(stretches) > 1L) paste0(names(stretches)[[i]], ": ", words, recycle0 = TRUE) else words
  })
  as.character(unlist(told))
}

cut_words <- function(stretches) {
  had <- function(what) any(vapply(stretches, `[[`, TRUE, what))
  told <- c(thin_words(stretches), "a curve begins where enough are followed, of those without the event until then"[
    had("late")], "a curve ends where too few are left before others enter"[had("early")])
  paste(told, collapse = "; ")[length(told) > 0L]
}
