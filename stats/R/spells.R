#' Events and censoring from a table of probes
#'
#' The event rules of `events/rules.py` in R, for simulated probes. *first* is the first checkpoint in the new state,
#' *sustained m* the first of m successive ones. The last checkpoint at which the start of m successive ones can be seen
#' is the m-th from the end, so every fact without the event is censored there.
#'
#' @param reached logical matrix (or data.frame), one row a fact and one column a checkpoint after the baseline: in the
#'   new state?
#' @param checkpoints numeric, increasing: the times of the columns; the baseline is time 0.
#' @param rule `"first"`, `"sustained2"`, `"sustained3"`, ...
#' @return A data.frame with one row a fact: `start` (0), `stop`, `event`, `left`, `right` (the event is in
#'   (left, right]; `right` is missing when censored), in units of `checkpoints`.
#' @examples
#' reached <- rbind(late = c(FALSE, FALSE, TRUE, TRUE), flickers = c(FALSE, TRUE, FALSE, TRUE))
#' spells(reached, checkpoints = 1:4, rule = "first")
#' spells(reached, checkpoints = 1:4, rule = "sustained2")
#' @export
spells <- function(reached, checkpoints, rule = "first") {
  m <- sustained_of(rule)
  reached <- as.matrix(reached)
  columns <- length(checkpoints) - m + 1L
  if (columns < 1L) {
    stop("the rule ", rule, " asks for ", m, " successive checkpoints, and there are ", length(checkpoints),
         call. = FALSE)
  }
  begins <- matrix(TRUE, nrow(reached), columns)
  for (ahead in seq_len(m) - 1L) begins <- begins & reached[, seq_len(columns) + ahead, drop = FALSE]
  event <- rowSums(begins) > 0
  at <- ifelse(event, max.col(begins, "first"), columns)
  stop <- as.numeric(checkpoints)[at]
  data.frame(
    start = 0, stop = stop, event = event, left = ifelse(event, c(0, checkpoints)[at], stop),
    right = ifelse(event, stop, NA_real_)
  )
}

# The m of a rule's name.
sustained_of <- function(rule) {
  if (identical(rule, "first")) return(1L)
  if (!grepl("^sustained[1-9][0-9]*$", rule)) {
    stop("there is no rule ", sQuote(rule, FALSE), ": use \"first\" or \"sustained2\", \"sustained3\", ...",
         call. = FALSE)
  }
  as.integer(sub("sustained", "", rule, fixed = TRUE))
}

#' What noisy probes see of true states
#'
#' @param reached logical matrix of true states, as in [spells()].
#' @param sensitivity,specificity chance that a probe says so where the fact is in the new state, and that it does not
#'   where it is not. Probes err independently of one another.
#' @return A logical matrix of the same shape.
#' @export
noisy_probes <- function(reached, sensitivity = 1, specificity = 1) {
  if (sensitivity == 1 && specificity == 1) return(reached)
  chance <- ifelse(reached, sensitivity, 1 - specificity)
  matrix(stats::runif(length(chance)) < chance, nrow(reached))
}
