#' How the length of the plateau grows with the number of individuals
#'
#' log(end of the plateau) = log(factor) + exponent * log(number), by interval-censored regression with normal errors
#' (`survival::survreg()`): the end lies between two probes, or after the last one. Each run is a row, so that seeds of
#' one number tell how far they differ; intervals are Student's t with runs minus two degrees of freedom.
#'
#' Where a line passes through every interval the likelihood has no maximum (the errors shrink to nothing). Their
#' standard deviation is then held at that of a uniform within the median interval: the grid of probes is all that is
#' known of them, and a warning says so.
#'
#' @param found data.frame as of [phases()], with `number`, `left` and `right`.
#' @param conf confidence level.
#' @return A data.frame of two rows (`term` is `exponent` or `factor`): `estimate`, `se` (of the factor: of its log),
#'   `df`, `lower`, `upper`, `paper` (the same of the paper), `r2` (of logs, at the intervals' midpoints), `runs`,
#'   `numbers` (distinct ones), `open` (runs whose plateau did not end). Plateaus that ended at fewer than two numbers
#'   are no estimate.
#' @references Zucchet et al. (2025), arXiv 2503.21676, figure 2: 0.43 N^0.81 steps.
#' @examples
#' ends <- data.frame(number = rep(c(256, 512, 1024), each = 2), left = c(90, 110, 160, 190, 280, 330))
#' ends$right <- ends$left * 1.2
#' plateau_scaling(ends)
#' @export
plateau_scaling <- function(found, conf = 0.95) {
  found <- take_rows(found, is.finite(found$number))
  ended <- !is.na(found$right)
  if (n_distinct(found$number[ended]) < 2L) {
    no_estimate("the plateau ends at fewer than two numbers of individuals: there is no line through them")
  }
  found$.left <- ifelse(found$left > 0, found$left, NA) # log 0 is no time
  found$.log <- log(found$number)
  object <- fit_plateau(found)
  df <- nrow(found) - 2L
  coefficients <- stats::coef(object)
  se <- sqrt(diag(object$var)[1:2])
  half <- stats::qt(1 - (1 - conf) / 2, df) * se
  if (df < 1L) half <- c(NA_real_, NA_real_)
  middle <- log(ifelse(is.na(found$.left), found$right, sqrt(found$.left * found$right)))[ended]
  fitted <- (coefficients[[1L]] + coefficients[[2L]] * found$.log)[ended]
  r2 <- 1 - sum((middle - fitted)^2) / sum((middle - mean(middle))^2)
  data.frame(
    term = c("exponent", "factor"), estimate = c(coefficients[[2L]], exp(coefficients[[1L]])),
    se = se[2:1], df = df, lower = c(coefficients[[2L]] - half[[2L]], exp(coefficients[[1L]] - half[[1L]])),
    upper = c(coefficients[[2L]] + half[[2L]], exp(coefficients[[1L]] + half[[1L]])),
    paper = c(0.81, 0.43), r2 = r2, runs = nrow(found), numbers = n_distinct(found$number), open = sum(!ended)
  )
}

fit_plateau <- function(found) {
  fitted <- function(scale) {
    survival::survreg(
      survival::Surv(.left, right, type = "interval2") ~ .log, data = found, dist = "lognormal", scale = scale,
      control = aft_control()
    )
  }
  closed <- !is.na(found$right) & !is.na(found$.left)
  least <- stats::median(log(found$right / found$.left)[closed]) / sqrt(12)
  tried <- captured(fitted(0))
  free <- tried$value
  if (!is.null(free) && all(is.finite(free$var)) && free$scale > least / 10) {
    for (said in tried$warnings) warning(said, call. = FALSE)
    return(free)
  }
  warning("one line passes through every interval between probes: its error is that of the grid alone", call. = FALSE)
  fitted(least)
}
