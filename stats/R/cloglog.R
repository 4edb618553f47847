#' Grouped-time proportional hazards model
#'
#' The standing check beside the Cox model where times are grouped by checkpoints: a binomial model with a
#' complementary log-log link on person-period rows. It estimates the same log hazard ratio without having to choose a
#' rule for ties. A period is an event time; those at risk are the risk set of the Cox model; every period (and stratum)
#' has a baseline of its own. Identical rows are collapsed to counts, which changes nothing but the time it takes.
#'
#' @inheritParams cox
#' @param link `"cloglog"`, or `"logit"` for the discrete-time logistic model, whose ratios are odds ratios of the event
#'   within a period: what `coxph(ties = "exact")` estimates as well.
#' @return A list like that of [cox()], with the table `coefficients` (robust errors by cluster, where there is one).
#' @references Prentice and Gloeckler (1978), Biometrics 34:57.
#' @examples
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' cloglog(ready$data, ready$covariates, terms = ready$terms)
#' @export
cloglog <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                    terms = describe_terms(data, covariates), link = "cloglog") {
  clustering <- cluster_of(data, cluster)
  numbers <- in_numbers(data, covariates, strata, clustering$cluster)
  found <- cloglog_linear(numbers, link, clustering$cluster)
  if (is.null(found)) found <- cloglog_glm(numbers, link, clustering$cluster)
  own <- function(value) if (!is.null(value)) stats::setNames(value[numbers$x] / numbers$scale, numbers$coefficients)
  coefficients <- coefficient_rows(terms, own(found$estimate), own(found$errors), own(found$robust), conf)
  right <- c(quoted(covariates), "period", sprintf("strata(%s)", toString(quoted(strata)))[length(strata)])
  df <- length(found$estimate) + found$periods
  new_fit(
    object = found$object,
    fit = list(
      formula = paste0(link, "(event) ~ ", paste(right, collapse = " + ")), ties = "none (grouped time)",
      converged = found$converged, iterations = found$iterations, loglik = found$loglik, loglik_null = found$null,
      df = df, aic = 2 * df - 2 * found$loglik,
      engine = if (is.null(found$object)) "counts" else paste("stats", getRversion())
    ),
    tables = list(coefficients = coefficients),
    doubt = doubts(data, terms, coefficients, clustering$cluster),
    remarks = few_clusters_remark(data, clustering$cluster, nrow(coefficients)),
    notes = c(
      sprintf("%.0f person-period rows collapsed to %.0f over %d baseline periods", found$rows, found$patterns,
              found$periods),
      clustering$note
    )
  )
}

# By glm(), on one row for each pattern and period.
cloglog_glm <- function(numbers, link, cluster) {
  grouped <- person_periods(numbers$rows, numbers$x, numbers$strata)
  formula <- stats::reformulate(c(if (nlevels(grouped$.period) > 1L) ".period", numbers$x),
                                "cbind(.events, .rows - .events)")
  object <- stats::glm(formula, family = stats::binomial(link), data = grouped, model = FALSE,
                       control = list(epsilon = 1e-12, maxit = 50L))
  # Without covariates every period has the share of events that was seen in it, whatever the link.
  of_period <- function(count) stats::ave(count, grouped$.period, FUN = sum)
  list(
    object = object, estimate = stats::coef(object)[numbers$x], errors = sqrt(diag(stats::vcov(object)))[numbers$x],
    robust = if (nzchar(cluster)) cloglog_robust(object, numbers), converged = object$converged,
    iterations = object$iter, loglik = bernoulli_loglik(grouped, stats::fitted(object)),
    null = bernoulli_loglik(grouped, of_period(grouped$.events) / of_period(grouped$.rows)),
    rows = sum(grouped$.rows), patterns = nrow(grouped), periods = nlevels(grouped$.period)
  )
}

#' Person-period counts
#'
#' @param data data.frame with `start`, `stop`, `event`.
#' @param covariates,strata character, columns.
#' @return A data.frame of the covariates, `.period` (factor; a number for each event time, within strata), `.rows` (at
#'   risk) and `.events`. Periods in which nobody or everybody has the event say nothing about the covariates and are
#'   left out.
#' @export
person_periods <- function(data, covariates, strata = character()) {
  data <- same_times(data)
  times <- sort(unique(times_of_events(data)))
  # Identical rows are identical in every period: only one of them is expanded.
  same <- collapse_rows(data, c("event", strata, "stop", "start", covariates))
  data <- data[same$row, unique(c("start", "stop", "event", strata, covariates)), drop = FALSE]
  first <- findInterval(data$start, times) + 1L
  last <- findInterval(data$stop, times)
  count <- pmax(last - first + 1L, 0L)
  check_size(sum(as.double(count)), length(times))
  row <- rep(seq_len(nrow(data)), count)
  period <- sequence(count, from = pmax(first, 1L))
  event <- data$event[row] & period == last[row]
  stratum <- if (length(strata)) row_patterns(data, strata) else 1L
  baseline <- factor(rep_len(stratum, nrow(data))[row] * as.double(length(times) + 1L) + period)
  codes <- lapply(data[covariates], function(value) match(value, unique(value))[row])
  key <- do.call(paste, c(list(as.integer(baseline)), unname(codes)))
  pattern <- match(key, key)
  sums <- rowsum(cbind(event, 1) * same$count[row], pattern, reorder = FALSE)
  kept <- as.integer(rownames(sums))
  collapsed <- data[row[kept], covariates, drop = FALSE]
  collapsed$.period <- baseline[kept]
  collapsed$.events <- sums[, 1L]
  collapsed$.rows <- sums[, 2L]
  informative(collapsed)
}

informative <- function(collapsed) {
  events <- tapply(collapsed$.events, collapsed$.period, sum)
  rows <- tapply(collapsed$.rows, collapsed$.period, sum)
  speaks <- names(events)[events > 0 & events < rows]
  if (!length(speaks)) no_estimate("in every period nobody or everybody at risk had the event")
  collapsed <- collapsed[collapsed$.period %in% speaks, , drop = FALSE]
  collapsed$.period <- factor(collapsed$.period, levels = speaks)
  rownames(collapsed) <- NULL
  collapsed
}

# The design has a column a period: with nearly continuous times it would not fit into memory, nor be needed.
check_size <- function(rows, periods) {
  if (rows * as.double(periods) > 2e8) {
    no_estimate(sprintf(
      paste("%.0f person-period rows with %d event times are too many for the grouped-time model; with so many",
            "distinct times ties are rare and the Cox model needs no such check"), rows, periods
    ), "not needed")
  }
}

#' @rdname cloglog
#' @details `discrete_logit()` is the kind `logit`: proportional odds in grouped time, whose ratios are odds ratios of
#'   the event within a period and say so.
#' @export
discrete_logit <- function(data, covariates, strata = character(), cluster = "", conf = 0.95,
                           terms = describe_terms(data, covariates)) {
  result <- cloglog(data, covariates, strata, cluster, conf = conf, terms = terms, link = "logit")
  result$tables$coefficients$unit <- paste("odds ratio,", result$tables$coefficients$unit)
  result$remarks <- c(paste("the estimates are odds ratios of the event within a period (discrete logistic model), not",
                            "hazard ratios; the more events a period has, the further from 1 they are"),
                      result$remarks)
  result
}

# Log likelihood of single rows: it does not depend on how the rows were collapsed, unlike R's own.
bernoulli_loglik <- function(grouped, fitted) {
  none <- grouped$.rows - grouped$.events
  sum(ifelse(grouped$.events > 0, grouped$.events * log(fitted), 0) + ifelse(none > 0, none * log1p(-fitted), 0))
}
