# Tasks about more than one state or event, under the primary rule. They read the table `transitions`. Where
# `plan$states` says no `kinds` by outcome these are the states of knowledge; a table of one's own has its own outcomes,
# and then the covariates and curves are those of the outcome.
state_tasks <- function(plan, several_arms) {
  if (!length(plan$states)) return(list())
  kinds <- plan$states$kinds
  if (is.null(kinds)) {
    kinds <- list(states = "multi-state", "first-step" = "competing-risks", forgetting = c("andersen-gill", "pwp"))
  }
  found <- lapply(names(kinds), function(outcome) {
    own <- is.null(plan$states$covariates)
    covariates <- texts(if (own) plan$covariates[[outcome]] else plan$states$covariates)
    by <- texts(if (own) plan$curves_by[[outcome]] else plan$states$by)
    if (several_arms) {
      covariates <- union(covariates, "arm")
      by <- union("arm", by)
    }
    tasks_of_kinds(outcome, texts(kinds[[outcome]]), setdiff(covariates, plan$strata), by, plan)
  })
  unlist(found, recursive = FALSE)
}

tasks_of_kinds <- function(outcome, kinds, covariates, by, plan) {
  args <- c(list(covariates = covariates), plan[c("strata", "cluster", "ties", "standardise", "conf")])
  task <- function(model, fn, more = list(), suffix = "") {
    new_task(outcome, plan$rules[[1L]], model, fn, c(args, more), suffix, table = "transitions")
  }
  each <- list(
    "multi-state" = function() list(task("multi-state", "multi_state", c(list(by = by), plan["horizon"]))),
    "competing-risks" = function() list(task("competing-risks", "competing_risks", c(list(by = by), plan["horizon"]))),
    "andersen-gill" = function() list(task("andersen-gill", "andersen_gill")),
    pwp = function() lapply(c("total", "gap"), function(clock) task("pwp", "pwp", list(clock = clock), clock))
  )
  unlist(lapply(each[kinds], function(make) make()), recursive = FALSE, use.names = FALSE)
}

#' Rows at risk in a table of stays
#'
#' What an outcome of states is about: `states`, every stay and change; `first-step`, facts unknown at the start until
#' they become latent or known; `forgetting`, stays as known or reacquired, with the loss as the event. A table of one's
#' own has outcomes of its own (column `outcome`), and each takes its rows.
#'
#' @param transitions data.frame as the table `transitions` of `docs/tables.md`; any other table comes back as it is.
#' @param outcome one of the three, or one of the column `outcome`.
#' @return Its rows for the outcome, with the columns `outcome` and `event`.
#' @export
stays_at_risk <- function(transitions, outcome) {
  if (!all(c("from", "to", "enum", "gap") %in% names(transitions))) return(transitions)
  own <- "outcome" %in% names(transitions)
  rows <- if (own) is_level(transitions$outcome, outcome) else switch(
    outcome,
    states = rep(TRUE, nrow(transitions)),
    "first-step" = transitions$from == "unknown" & first_rows(transitions),
    forgetting = transitions$from %in% c("known", "reacquired"),
    stop("the states have no outcome '", outcome, "'; there are states, first-step and forgetting", call. = FALSE)
  )
  data <- take_rows(transitions, rows)
  if (!own) {
    data$outcome <- rep(outcome, nrow(data))
    data$event <- if (outcome == "forgetting") data$to == "forgotten" else data$to != levels(data$to)[[1L]]
  }
  if (own || outcome == "first-step") {
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
