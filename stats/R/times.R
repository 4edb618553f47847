#' Times that are one but for rounding
#'
#' Makes equal what [survival::aeqSurv()] makes equal inside `coxph` and `survfit`, once and for all columns of time, so
#' that the periods of the grouped-time model, the grids of probes and the means under a curve rest on the same times as
#' they do. Tables that were made by `events/` are so already.
#'
#' @param data data.frame with `start`, `stop` and, where there are intervals, `left` and `right`.
#' @return The data; each time is the earliest one that cannot be told from it.
#' @export
same_times <- function(data) {
  columns <- intersect(c("start", "stop", "left", "right"), names(data))
  times <- sort(unique(unlist(lapply(data[columns], unique), use.names = FALSE)))
  times <- times[is.finite(times)]
  step <- diff(times)
  tolerance <- sqrt(.Machine$double.eps)
  close <- step <= tolerance | step / mean(abs(times)) <= tolerance
  if (!any(close)) return(data)
  kept <- times[c(TRUE, !close)]
  data[columns] <- lapply(data[columns], function(time) {
    finite <- is.finite(time)
    time[finite] <- kept[findInterval(time[finite], kept)]
    time
  })
  data
}
