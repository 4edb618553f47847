#' Events that can happen to a fact more than once
#'
#' `andersen_gill()`: every event counts alike, and all who are at risk at a time are compared, however often it
#' happened to them before. `pwp()` (Prentice, Williams and Peterson): the second event is compared with second events
#' only, by strata of the number of earlier ones, and time runs from the start of the study (`"total"`) or anew from the
#' moment at which the fact was at risk again (`"gap"`). Standard errors are robust for the cluster: events of one fact
#' are not independent.
#'
#' @inheritParams cox
#' @param data data.frame with `fact_id`, `run`, `start`, `stop`, `event`, and the covariates; several rows a fact.
#' @return A list like that of [cox()], with the tables `coefficients` and `transition_counts` (by the number of the
#'   event).
#' @references Andersen and Gill (1982), Annals of Statistics 10:1100. Prentice, Williams and Peterson (1981),
#'   Biometrika 68:373. Therneau and Grambsch (2000), 8.5.
#' @export
andersen_gill <- function(data, covariates, strata = character(), cluster = "fact_id", ties = "efron", conf = 0.95,
                          terms = describe_terms(data, covariates)) {
  recurrent(data, covariates, strata, cluster, ties, conf, terms, clock = "total")
}

#' @rdname andersen_gill
#' @param clock `"total"` or `"gap"`.
#' @export
pwp <- function(data, covariates, strata = character(), cluster = "fact_id", ties = "efron", conf = 0.95,
                terms = describe_terms(data, covariates), clock = "total") {
  if (!clock %in% c("total", "gap")) stop("`clock` is \"total\" or \"gap\"", call. = FALSE)
  recurrent(data, covariates, c(strata, "enum"), cluster, ties, conf, terms, clock)
}

recurrent <- function(data, covariates, strata, cluster, ties, conf, terms, clock) {
  data <- episodes(data)
  # After an event the state is that event: then a fact that comes back to risk has a gap, which is no fault here.
  data$from <- factor(ifelse(data$enum == 1L, "at risk", "event"))
  gate <- check_states(data)
  if (nzchar(gate$reason)) return(list(status = "failed", reason = gate$reason))
  data$from <- factor(rep("at risk", nrow(data)))
  numbered <- data
  numbered$enum <- factor(data$enum) # a number of many values would be cut into thirds
  counts <- transition_counts(numbered, "enum")
  if (clock == "gap") data[c("start", "stop")] <- data[c("gap_start", "gap_stop")]
  result <- cox_univariable(data, covariates, strata, cluster, ties, conf, terms)
  if (clock == "gap") result$fit$formula <- sub("Surv(start, stop,", "Surv(gap_start, gap_stop,", result$fit$formula,
                                                fixed = TRUE)
  c(result[c("object", "fit", "doubt", "remarks")], list(
    tables = c(result$tables, list(transition_counts = counts)),
    notes = c(result$notes, sprintf("%d histories (fact and run), %d of them with more than one event",
                                    length(unique(subject_of(data))), repeated(data)))
  ))
}

repeated <- function(data) sum(tapply(data$event, subject_of(data), sum) > 1L)

# Rows in order, with the number of the event that each is at risk of and a clock that starts anew after each event.
episodes <- function(data) {
  id <- subject_of(data)
  data <- data[order(id, data$start), , drop = FALSE]
  id <- sort(id)
  first <- !duplicated(id)
  after_event <- c(FALSE, utils::head(data$event, -1L)) & !first
  data$enum <- stats::ave(as.integer(after_event), id, FUN = cumsum) + 1L
  episode <- cumsum(first | after_event)
  entered <- stats::ave(data$start, episode, FUN = min)
  data$gap_start <- data$start - entered
  data$gap_stop <- data$stop - entered
  data$to <- factor(ifelse(data$event, "event", "censored"), c("censored", "event"))
  data
}
