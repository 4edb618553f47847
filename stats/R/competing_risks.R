#' Competing risks: one of several events, of which the first precludes the others
#'
#' Cumulative incidence of each cause (Aalen-Johansen), cause-specific Cox models (what drives the rate of a cause among
#' those still at risk) and Fine-Gray models (what drives the share that ends in it). With a strong competing cause the
#' two hazard ratios differ, and may even point in opposite directions. Where the first to enter are nearly alone, the
#' weights of late entry would be huge: the Fine-Gray models are then of what happens later (see [followed_stretch()]).
#'
#' @inheritParams transition_models
#' @inheritParams state_occupation
#' @param cause column that says which event happened where `event` is TRUE; by default the events are those of `to`.
#' @return A list like that of [cox()], with the tables `occupation`, `sojourns`, `transition_counts` and
#'   `transition_coefficients`, in which `method` is `cause-specific` or `subdistribution`.
#' @references Fine and Gray (1999), JASA 94:496. Geskus (2011), Biometrics 67:39 (weights with late entry).
#' @export
competing_risks <- function(data, covariates, by = character(), strata = character(), cluster = "fact_id",
                            ties = "efron", conf = 0.95, terms = describe_terms(data, covariates), cause = "",
                            horizon = NULL) {
  if (nzchar(cause)) data <- by_cause(data, cause)
  result <- multi_state(data, covariates, by, strata, cluster, ties, conf, terms, horizon)
  if (is.null(result$tables)) return(result)
  specific <- result$tables$transition_coefficients
  fitted <- unique(specific[specific$status %in% c("ok", "warning"), c("from", "to")])
  data$event <- data$to != levels(data$to)[[1L]]
  stretch <- followed_stretch(data)
  followed <- within_stretch(data, stretch)
  shares <- lapply(fitted$to, function(cause) {
    cbind(from = fitted$from[[1L]], to = cause, method = "subdistribution",
          fine_gray(followed, cause, covariates, strata, cluster, ties, conf, terms))
  })
  result$tables$transition_coefficients <- do.call(rbind, c(list(specific), shares))
  result$remarks <- c(result$remarks, paste0("the models of shares leave out the thin times (", stretch$thin, ")",
                                             recycle0 = TRUE))
  result
}

# One state at the start, and one for each cause.
by_cause <- function(data, cause) {
  causes <- as.character(data[[cause]])
  causes[!data$event] <- "censored"
  if (anyNA(causes)) stop("no cause is given for ", sum(is.na(causes)), " events (column ", cause, ")", call. = FALSE)
  known <- if (is.factor(data[[cause]])) levels(data[[cause]]) else sort(unique(causes), method = "radix")
  data$to <- factor(causes, c("censored", setdiff(known[known %in% causes], "censored")))
  data$from <- factor(rep("at risk", nrow(data)))
  data
}

# Fine and Gray's model of one cause: who had another event stays at risk, with the weight of still being followed.
fine_gray <- function(data, cause, covariates, strata, cluster, ties, conf, terms) {
  numbers <- in_numbers(data, covariates, strata, cluster)
  rows <- data.frame(numbers$rows, to = data$to, .id = subject_of(data))
  if (!nzchar(cluster)) rows$.cluster <- rows$.id
  events <- sum(data$to == cause)
  attempt <- captured({
    formula <- state_formula(paste(c(numbers$x, numbers$strata, ".cluster"), collapse = " + "))
    wide <- do.call(survival::finegray, list(formula, quote(rows), etype = cause, id = quote(.id)))
    names(wide)[match(c("fgstart", "fgstop", "fgstatus"), names(wide))] <- c("start", "stop", "event")
    fit <- do.call(survival::coxph, list(cox_formula(numbers$x, numbers$strata), quote(wide), weights = quote(fgwt),
                                         cluster = quote(.cluster), ties = ties))
    in_own_units(fit, numbers)
  })
  if (is.null(attempt$value)) return(no_coefficients(events, "failed", paste("R stopped with:", attempt$error)))
  fit <- attempt$value
  errors <- function(variance) stats::setNames(sqrt(diag(as.matrix(variance))), names(stats::coef(fit)))
  rows <- coefficient_rows(terms, stats::coef(fit), errors(fit$naive.var), errors(fit$var), conf)
  group <- if (nzchar(cluster)) cluster else fresh_names(data, "history")
  if (!nzchar(cluster)) data[[group]] <- subject_of(data)
  doubt <- paste(doubts(data, terms, rows, group, events), collapse = "; ")
  data.frame(events = events, rows, status = if (nzchar(doubt)) "warning" else "ok", reason = doubt, doubt = doubt)
}
