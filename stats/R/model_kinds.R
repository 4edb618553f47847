#' Kinds of models that a plan may ask for in `[[analysis.model]]`
#'
#' One entry a kind. `fit` gets the rows as `data`, and of what follows what its formals name: `covariates` (columns of
#' `data` that the formula made), `terms` ([describe_terms()]), `parsed` ([parse_formula()]), `frame`
#' ([formula_design()]), `strata`, `cluster`, `random`, `ties`, `conf` and the entry's other keys. It returns a list as
#' [cox()] does: `fit`, `tables`, `remarks`, `notes`, or `status` and `reason`.
#'
#' @return A named list of lists: `fit` (function), `words` (the model in plain words), `keys` (what an entry of
#'   this kind may set beside `name`, `title`, `kind`, `outcome`, `rule`, `formula`, `conf` and `standardise`),
#'   `table` (the table it reads, default `"events"`, or `"history"` where the entry names one of its columns), and
#'   optionally `rows` (function of that table and the task; default: the rows of the outcome and rule, see
#'   [rows_at_risk()]) and `check` (function of the completed entry that returns problems, a named character vector of
#'   key and text).
#' @export
model_kinds <- function() {
  list(
    cox = list(fit = cox_model, words = "Cox model", check = check_cox,
               keys = c("strata", "cluster", "ties", "time_varying", "split", "tt", "zph", "without")),
    firth = list(fit = firth_model, words = "penalised (Firth) Cox model", keys = c("strata", "cluster", "ties")),
    cloglog = list(fit = cloglog, words = "grouped-time (cloglog) model", keys = c("strata", "cluster")),
    logit = list(fit = discrete_logit, words = "grouped-time proportional odds (logit) model",
                 keys = c("strata", "cluster")),
    frailty = list(fit = frailty_model, words = "Cox model",
                   keys = c("strata", "ties", "random", "engine", "zph"), check = check_frailty),
    interval = list(fit = interval_ph, words = "interval-censored proportional hazards model",
                    keys = c("strata", "cluster", "pieces")),
    aft = list(fit = aft, words = "accelerated failure time model", keys = c("strata", "cluster", "distributions"),
               check = check_aft),
    "multi-state" = list(fit = multi_state, words = "states, and for each transition a Cox model",
                         keys = c("by", "strata", "cluster", "ties", "horizon"), check = check_multi_state),
    "andersen-gill" = list(fit = andersen_gill, words = "Andersen-Gill model of repeated events",
                           keys = c("strata", "cluster", "ties")),
    pwp = list(fit = pwp, words = "PWP model of repeated events", keys = c("strata", "cluster", "ties", "clock")),
    "competing-risks" = list(fit = competing_risks, words = "competing risks",
                             keys = c("by", "strata", "cluster", "ties", "cause", "horizon"), check = check_competing)
  )
}

# An entry says that it wants this model: it is not a remedy that waits for a reason.
firth_model <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95, terms) {
  cox_firth(data, covariates, strata, cluster, ties, conf, terms, always = TRUE)
}

check_aft <- function(model) {
  known <- eval(formals(aft)$distributions)
  stray <- setdiff(texts(model$distributions), known)
  if (!length(stray)) return(character())
  c(distributions = sprintf("there is no distribution '%s'; known: %s", stray[[1L]], toString(known)))
}

check_multi_state <- function(model) {
  if (model$table == "transitions" && (isTRUE(model$own) || model$outcome == "states")) return(character())
  c(outcome = paste("a multi-state model is about all states of knowledge: outcome = \"states\"; or those of a table",
                    "of your own, whose plan names their columns under [events]: from and to"))
}

check_competing <- function(model) {
  first <- model$table == "transitions" && (isTRUE(model$own) || model$outcome == "first-step")
  if (first || length(model$cause)) return(character())
  c(cause = "name the column that says which of the competing events happened, or use outcome = \"first-step\"")
}
