# Tasks about the states of knowledge, under the primary rule. They read the table `transitions`.
state_tasks <- function(plan, several_arms) {
  if (!length(plan$states)) return(list())
  covariates <- texts(plan$states$covariates)
  by <- texts(plan$states$by)
  if (several_arms) {
    covariates <- union(covariates, "arm")
    by <- union("arm", by)
  }
  covariates <- setdiff(covariates, plan$strata)
  args <- c(list(covariates = covariates), plan[c("strata", "cluster", "ties", "standardise", "conf")])
  task <- function(outcome, model, fn, more = list(), suffix = "") {
    new_task(outcome, plan$rules[[1L]], model, fn, c(args, more), suffix, table = "transitions")
  }
  list(
    task("states", "multi-state", "multi_state", list(by = by)),
    task("first-step", "competing-risks", "competing_risks", list(by = by)),
    task("forgetting", "andersen-gill", "andersen_gill"),
    task("forgetting", "pwp", "pwp", list(clock = "total"), "total"),
    task("forgetting", "pwp", "pwp", list(clock = "gap"), "gap")
  )
}

#' Rows at risk in a table of stays
#'
#' What an outcome of states is about: `states`, every stay and change; `first-step`, facts unknown at the start until
#' they become latent or known; `forgetting`, stays as known or reacquired, with the loss as the event.
#'
#' @param transitions data.frame as the table `transitions` of `docs/tables.md`; any other table comes back as it is.
#' @param outcome one of the three.
#' @return Its rows for the outcome, with the columns `outcome` and `event`.
#' @export
stays_at_risk <- function(transitions, outcome) {
  if (!all(c("from", "to", "enum", "gap") %in% names(transitions))) return(transitions)
  rows <- switch(outcome,
    states = rep(TRUE, nrow(transitions)),
    "first-step" = transitions$from == "unknown" & first_rows(transitions),
    forgetting = transitions$from %in% c("known", "reacquired"),
    stop("the states have no outcome '", outcome, "'; there are states, first-step and forgetting", call. = FALSE)
  )
  data <- take_rows(transitions, rows)
  data$outcome <- rep(outcome, nrow(data))
  data$event <- if (outcome == "forgetting") data$to == "forgotten" else data$to != levels(data$to)[[1L]]
  if (outcome == "first-step") {
    data$from <- droplevels(data$from)
    known <- levels(data$to)
    data$to <- factor(data$to, levels = known[known %in% c(known[[1L]], as.character(data$to))])
  }
  data
}

# The first stay of each history, by rule.
first_rows <- function(data) {
  key <- paste(data$rule, data$run, data$fact_id, sep = "\r")
  data$start == stats::ave(data$start, key, FUN = min)
}
