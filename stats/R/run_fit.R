#' Run one task of a plan
#'
#' Never throws: what is wrong with the data, R's errors, warnings and messages all come back as columns of `fits`.
#'
#' @param events data.frame of counting-process rows, as in `docs/tables.md`: the table that `task$table` names.
#' @param task one element of [plan_fits()].
#' @return A named list of data.frames: `fits` (one row) and the tables that this model produces, as in
#'   `docs/tables.md`.
#' @export
run_fit <- function(events, task) {
  run <- captured({
    task <- checked_task(task)
    ready <- if (task$fn == "model") model_data(events, task) else task_data(events, task)
    list(ready = ready, result = fit_task(ready, task))
  })
  ready <- run$value$ready
  result <- run$value$result
  if (is.null(result)) result <- list(status = "failed", reason = paste("R stopped with:", run$error))
  fits <- contract_table("fits", fits_row(task, ready, result, run), task)
  tables <- Filter(Negate(is.null), result$tables)
  c(list(fits = fits), mapply(contract_table, names(tables), tables, MoreArgs = list(task = task), SIMPLIFY = FALSE))
}

# The rows and covariates of a task of the standard analysis.
task_data <- function(events, task) {
  if (task$fn %in% without_risk_sets) return(facts_as_they_are(events))
  args <- task$args
  grouping <- c(args$strata, args$cluster, args$random, args$by)
  most <- if (task$model %in% sampled_models) sampled_rows else Inf
  analysis_data(events, task$outcome, task$rule, args$covariates, grouping[nzchar(grouping)], isTRUE(args$standardise),
                most)
}

# A table of facts at the end of training, or of means, has no risk sets.
without_risk_sets <- c("accuracy_by_popularity", "attention_by_arm", "gaps_by_setting", "learning_phases",
                       "accuracy_by_counts", "mean_ranks", "score_correlation")

facts_as_they_are <- function(data) {
  list(data = data, covariates = character(), terms = NULL, dropped = 0L, remarks = character(), status = "",
       reason = "")
}

# Fit what can be fitted. An error inside the model is part of the result, so that the row still has its counts.
fit_task <- function(ready, task) {
  args <- task$args
  stop_here <- nothing_to_fit(ready, task)
  if (!is.null(stop_here)) return(stop_here)
  model <- task$fn == "model"
  if (model || "covariates" %in% names(args)) args[c("covariates", "terms")] <- ready[c("covariates", "terms")]
  if (model) args <- c(args, ready[c("parsed", "frame")])
  fitter <- if (model) model_kinds()[[task$model]]$fit else fitters()[[task$fn]]
  args <- args[names(args) %in% names(formals(fitter))]
  attempt <- captured(do.call(fitter, c(list(data = ready$data), args), quote = TRUE))
  result <- attempt$value
  if (is.null(result)) result <- without_result(attempt)
  if (model) result$fit$formula <- formula_as_written(result$fit$formula, ready)
  result$warnings <- attempt$warnings
  result$notes <- c(result$notes, attempt$messages)
  result
}

# A model that says why there is no estimate, data with too little information, or an error of R's.
without_result <- function(attempt) {
  if (inherits(attempt$condition, "no_estimate")) {
    return(list(status = attempt$condition$status, reason = attempt$error))
  }
  said <- paste("R stopped with:", attempt$error)
  if (!grepl("singular", attempt$error, fixed = TRUE)) {
    return(list(status = "failed", reason = said, error = attempt$error))
  }
  reason <- paste0("the data hold too little information to tell the coefficients apart (", said, ")")
  list(status = "not estimable", reason = reason, error = attempt$error)
}

# What a task may ask for, by name.
fitters <- function() {
  list(
    km_curves = km_curves, score_test = score_test, cox_univariable = cox_univariable,
    cox_tested = cox_tested, cox = cox,
    cox_firth = cox_firth, cox_stratified = cox_stratified, rmst_difference = rmst_difference,
    sensitivity = sensitivity, compare_arms = compare_arms, cloglog = cloglog, cox_mixed = cox_mixed,
    frailty_gamma = frailty_gamma, influence_tables = influence_tables, interval_where_needed = interval_where_needed,
    aft_where_needed = aft_where_needed, turnbull_where_needed = turnbull_where_needed,
    form_tables = form_tables, cox_split = cox_split, latent_definitions = latent_definitions,
    arms_stratified = arms_stratified, multi_state = multi_state, competing_risks = competing_risks,
    andersen_gill = andersen_gill, pwp = pwp, accuracy_by_popularity = accuracy_by_popularity,
    attention_by_arm = attention_by_arm, gaps_by_setting = gaps_by_setting, learning_phases = learning_phases,
    accuracy_by_counts = accuracy_by_counts, mediation_by_counts = mediation_by_counts, mean_ranks = mean_ranks,
    score_correlation = score_correlation
  )
}

# Reasons known before any fit.
nothing_to_fit <- function(ready, task) {
  stopped <- function(status, reason) list(status = status, reason = reason)
  if (nzchar(ready$status)) return(stopped(ready$status, ready$reason))
  if (task$fn == "km_curves" || is.null(ready$data$event)) return(NULL)
  facts <- n_distinct(ready$data$fact_id)
  events <- sum(ready$data$event)
  if (events == 0L) return(stopped("not estimable", sprintf("no event among %d facts", facts)))
  # Who is in which state can be told without any event but one, and without any covariate.
  if (task$model == "multi-state") return(NULL)
  if (events == 1L) {
    return(stopped("not estimable", sprintf("one event among %d facts: no effect can be estimated", facts)))
  }
  other <- length(ready$parsed$psplines) + length(ready$parsed$random) + length(task$args$random) * (task$fn == "model")
  bare <- task$fn %in% c("score_test", "rmst_difference", "turnbull_where_needed")
  if (!bare && !length(ready$covariates) && !other) {
    return(stopped("not estimable", "no covariate is left"))
  }
  NULL
}

# The user's own notation in place of the columns that it became, unless the fit function has put it there already.
formula_as_written <- function(formula, ready) {
  done <- is.null(formula) || !length(ready$covariates) || grepl(paste("~", ready$parsed$text), formula, fixed = TRUE)
  if (done) return(formula)
  sub(paste(quoted(ready$covariates), collapse = " + "), ready$parsed$text, formula, fixed = TRUE)
}

checked_task <- function(task) {
  known <- c(names(fitters()), "model")
  if (!isTRUE(task$fn %in% known)) {
    stop("there is no model function '", paste(task$fn, collapse = " "), "'; known: ", toString(known), call. = FALSE)
  }
  if (task$fn == "model" && !isTRUE(task$model %in% names(model_kinds()))) {
    stop("there is no kind of model '", paste(task$model, collapse = " "), "'; known: ", toString(names(model_kinds())),
         call. = FALSE)
  }
  for (key in intersect(c("covariates", "strata", "random", "time_varying"), names(task$args))) {
    task$args[[key]] <- texts(task$args[[key]])
  }
  if ("horizon" %in% names(task$args)) task$args$horizon <- as.numeric(unlist(task$args$horizon)) # JSON has no NULL
  for (key in intersect(c("by", "cluster"), names(task$args))) {
    value <- texts(task$args[[key]])
    task$args[[key]] <- if (length(value) > 1L) value else paste(value, collapse = "")
  }
  task
}

# The row of `fits`: what was fitted, on how many rows, and what there is to doubt.
fits_row <- function(task, ready, result, run) {
  data <- ready$data
  counts <- list(rows = 0L, facts = 0L, runs = 0L, events = 0L, dropped = 0L)
  if (!is.null(data)) {
    counts <- list(rows = nrow(data), facts = n_distinct(data$fact_id), runs = n_distinct(data$run),
                   events = sum(data$event), dropped = ready$dropped)
  }
  told <- function(texts) paste(unique(texts[nzchar(texts)]), collapse = " | ")
  doubt <- doubt_in(list(value = result))
  remarks <- c(result$reason, ready$remarks, doubt, result$remarks)
  warnings <- unique(c(result$warnings, run$warnings))
  # R's own words for separation are already said in ours; every other warning is a reason to doubt.
  other <- warnings[!grepl("may be infinite|fitted probabilities numerically", warnings)]
  remarks <- c(remarks, paste("R warned:", other, recycle0 = TRUE))
  status <- result$status
  if (is.null(status)) status <- if (length(remarks[nzchar(remarks)])) "warning" else "ok"
  error <- if (nzchar(run$error)) run$error else paste(result$error, collapse = "")
  c(
    list(name = paste(task$name, collapse = ""), title = task_title(task)), result$fit, counts,
    list(status = status, reason = paste(unique(remarks[nzchar(remarks)]), collapse = "; "),
         doubt = paste(doubt, collapse = "; "), error = error, warnings = told(warnings),
         messages = told(c(ready$notes, result$notes, run$messages)), seconds = run$seconds)
  )
}

# What the fit is, in plain words.
task_title <- function(task) {
  if (identical(task$fn, "model") && length(task$title)) return(task$title)
  by <- paste(texts(task$args$by), collapse = "")
  covariates <- toString(texts(task$args$covariates))
  what <- switch(
    paste(task$model, collapse = ""),
    km = if (nzchar(by)) paste("Kaplan-Meier curves by", by) else "Kaplan-Meier curve",
    score = paste("Score (log-rank) test of", by),
    "cox-univariable" = paste("Cox model of", covariates, "alone"),
    cox = paste("Cox model of", covariates),
    "cox-firth" = paste("Penalised (Firth) Cox model of", covariates),
    "cox-stratified" = paste("Cox model of", covariates, "stratified by what is not proportional"),
    rmst = paste("Restricted mean times by", by),
    sensitivity = paste("Methods for ties, model of", covariates),
    influence = paste("Influence, outliers, form and collinearity in the Cox model of", covariates),
    arms = paste("Training recipes compared, adjusted for", toString(setdiff(texts(task$args$covariates), "arm"))),
    cloglog = paste("Grouped-time (cloglog) model of", covariates),
    interval = paste("Interval-censored proportional hazards model of", covariates),
    aft = paste("Accelerated failure time model of", covariates),
    turnbull = trimws(paste("Turnbull's curves", if (nzchar(by)) paste("by", by) else "")),
    "cox-history" = paste("Cox model of", covariates, "as they are at the start of each interval"),
    coxme = paste0("Cox model of ", covariates, " with random ", toString(texts(task$args$random))),
    "frailty-gamma" = paste0("Cox model of ", covariates, " with a gamma frailty (first usable of ",
                             toString(texts(task$args$random)), ")"),
    "frailty-fact" = paste("Cox model of", covariates, "with a gamma frailty of each fact"),
    form = paste("Form of the effects of the numbers among", covariates),
    "cox-split" = paste("Cox model of", covariates, "with split time for what is not proportional"),
    "latent-definitions" = paste("Definitions of latent knowledge, model of", covariates),
    "cox-arms" = paste("Cox model of", toString(setdiff(texts(task$args$covariates), "arm")), "stratified by recipe"),
    "multi-state" = paste("occupation, and for each transition a Cox model of", covariates),
    "competing-risks" = paste("competing risks, models of", covariates),
    "andersen-gill" = paste("repeated events, Andersen-Gill model of", covariates),
    popularity = "Accuracy by popularity and recipe, paired by fact",
    "attention-change" = "Attention on the subject by recipe, paired by fact",
    sweep = "Recipes at other settings of the simulation, paired by fact",
    phases = "Phases of learning, and the plateau's length against the number of individuals",
    mediation = paste("Cox models before and after counts in a corpus, of", covariates),
    smi = "Accuracy foretold by counts in a corpus: CO-OCCUR, MI and SMI",
    "mean-ranks" = "Mean rank of the right answer by recipe, paired by fact",
    localisation = "Informative against downstream scores, by component and token",
    "implied-arms" = "Recipes compared: how soon an implication is known after its fact",
    pwp = paste0("repeated events, PWP model (", task$args$clock, " time) of ", covariates),
    "Unknown model"
  )
  title_of(task$outcome, task$rule, what)
}

title_of <- function(outcome, rule, what) {
  outcome <- capitalised(gsub("-", " ", paste(outcome, collapse = ""), fixed = TRUE))
  sprintf("%s, rule '%s': %s", outcome, paste(rule, collapse = ""), what)
}

capitalised <- function(text) paste0(toupper(substring(text, 1L, 1L)), substring(text, 2L))
