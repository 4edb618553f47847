#' One Cox model for every transition between states
#'
#' Cause-specific: who is in `from` is at risk, from the time at which the state was entered, and leaving for another
#' state than `to` is censoring. The numbers are those of `survival::coxph()` with a multi-state response and no shared
#' coefficients. A transition with fewer than five events per coefficient has its reason in the place of an estimate.
#'
#' @inheritParams cox
#' @param data as in [check_states()], with the covariates.
#' @return A list like that of [cox()], with the tables `transition_coefficients` (one row per transition and
#'   coefficient, or one with `status` and `reason`).
#' @references Andersen, Borgan, Gill and Keiding (1993), Statistical Models Based on Counting Processes, VII.2. Putter,
#'   Fiocco and Geskus (2007), Statistics in Medicine 26:2389. Vittinghoff and McCulloch (2007), American Journal of
#'   Epidemiology 165:710 (five events per coefficient).
#' @export
transition_models <- function(data, covariates, strata = character(), cluster = "fact_id", ties = "efron", conf = 0.95,
                              terms = describe_terms(data, covariates)) {
  pairs <- transitions_of(data)
  rows <- lapply(seq_len(nrow(pairs)), function(i) {
    own <- data[data$from == pairs$from[[i]], , drop = FALSE]
    own$event <- own$to == pairs$to[[i]]
    cbind(pairs[i, ], method = "cause-specific",
          transition_rows(own, covariates, strata, cluster, ties, conf, terms), row.names = NULL)
  })
  rows <- do.call(rbind, rows)
  doubtful <- unique(rows[rows$status != "ok", c("from", "to", "status", "reason")])
  right <- paste(quoted(covariates), collapse = " + ")
  list(
    fit = list(formula = sprintf("Surv(start, stop, to) ~ %s, one model a transition", right), ties = ties,
               engine = engine("survival")),
    tables = list(transition_coefficients = rows),
    remarks = sprintf("%s to %s: %s", doubtful$from, doubtful$to, doubtful$reason), notes = character()
  )
}

# Every transition that happened, in the order of the states.
transitions_of <- function(data) {
  happened <- data[data$to != levels(data$to)[[1L]], , drop = FALSE]
  pairs <- unique(data.frame(from = as.character(happened$from), to = as.character(happened$to)))
  pairs[order(match(pairs$from, levels(data$from)), match(pairs$to, levels(data$to))), , drop = FALSE]
}

# Coefficients of one transition, or one row that says why there are none.
transition_rows <- function(own, covariates, strata, cluster, ties, conf, terms) {
  events <- sum(own$event)
  own <- as_levels(own, covariates)
  made <- estimable(own, covariates)
  chosen <- made$covariates
  own_terms <- terms_within(own, chosen, terms)
  if (!length(chosen)) return(no_coefficients(events, "not estimable", "every predictor is the same for all at risk"))
  few <- few_events_remark(events, nrow(own_terms))
  if (length(few)) return(no_coefficients(events, "not estimable", few))
  fitted <- captured(cox_univariable(own, chosen, strata, cluster, ties, conf, own_terms))
  if (is.null(fitted$value)) return(no_coefficients(events, "failed", paste("R stopped with:", fitted$error)))
  doubt <- doubt_in(fitted)
  reason <- c(
    doubt, fitted$value$remarks, paste("of those at risk,", made$remarks, recycle0 = TRUE)
  )
  data.frame(events = events, fitted$value$tables$coefficients, status = if (length(reason)) "warning" else "ok",
             reason = paste(reason, collapse = "; "), doubt = paste(doubt, collapse = "; "))
}

no_coefficients <- function(events, status, reason) {
  none <- coefficient_rows(describe_terms(data.frame(x = c(0, 1)), "x"), numeric(), numeric())
  none[c("term", "label", "unit")] <- ""
  data.frame(events = events, none, status = status, reason = reason, doubt = "")
}

# The terms of those at risk: levels that none of them has are gone, and with them possibly the reference.
terms_within <- function(own, covariates, terms) {
  parts <- lapply(covariates, function(column) {
    if (is.factor(own[[column]])) return(describe_terms(own, column))
    terms[terms$column == column, names(describe_terms(own, character())), drop = FALSE]
  })
  do.call(rbind, parts)
}
