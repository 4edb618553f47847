#' Do the rows of each subject make one history?
#'
#' `survival::survcheck()` in plain words: the gate of every model with more than one state or event. A history with
#' rows that overlap, repeat, or begin in another state than the one before them ended in has no likelihood; one with a
#' gap has, and is only remarked on.
#'
#' @param data data.frame with `fact_id`, `run` (together the subject), `start`, `stop` (units of the study's time
#'   axis), `from` and `to` (factors; the first level of `to` is censoring).
#' @return A list: `reason` (plain words, empty where the rows are sound) and `remarks`.
#' @references Therneau, Crowson and Atkinson, Multi-state models and competing risks (vignette of survival), on
#'   `survcheck`.
#' @export
check_states <- function(data) {
  data$.id <- subject_of(data)
  found <- do.call(survival::survcheck, list(state_formula("1"), quote(data), id = quote(.id), istate = quote(from)))
  wrong <- c(
    overlap = "rows of one fact and run overlap in time",
    duplicate = "rows of one fact and run are there twice",
    teleport = "a row begins in another state than the one before it ended in",
    jump = "the state changes while a fact is not followed"
  )
  told <- function(kind, words) {
    at <- found[[kind]]$row[[1L]]
    sprintf("%s (%s; the first: fact '%s' in run '%s', from %s)", words, counted(found$flag[[kind]], "row"),
            data$fact_id[[at]], data$run[[at]], format(data$start[[at]]))
  }
  flagged <- intersect(names(wrong), names(found$flag)[found$flag > 0])
  reasons <- vapply(flagged, function(kind) told(kind, wrong[[kind]]), "")
  remarks <- if (found$flag[["gap"]] > 0) told("gap", "a fact is not followed all the time")
  list(reason = paste(unname(reasons), collapse = "; "), remarks = remarks)
}

# Right-hand side as text; the response of all models of states. Survival's names are in sight also when sourced.
state_formula <- function(right) {
  stats::as.formula(paste("Surv(start, stop, to) ~", right), env = asNamespace("survival"))
}

# One history: a fact in a run.
subject_of <- function(data) {
  key <- row_patterns(data, c("run", "fact_id"))
  match(key, unique(key))
}

counted <- function(n, word) sprintf("%d %s%s", as.integer(n), word, if (n == 1) "" else "s")
