# The models that the analysis plan asked for by name, each in a part of its own.

#' The named models' rows taken out of every table, so that the sections of the standard analysis do not meet them:
#' `results$models` holds them, `results$every_fit` all fits.
separate_models <- function(results, tables) {
  results$every_fit <- results$fits
  named <- if ("name" %in% names(results$fits)) {
    as.character(results$fits$task[!is.na(results$fits$name) & nzchar(as.character(results$fits$name))])
  }
  results$models <- list()
  for (table in tables) {
    own <- as.character(results[[table]]$task) %in% named
    results$models[[table]] <- results[[table]][own, , drop = FALSE]
    if (nrow(results[[table]])) results[[table]] <- results[[table]][!own, , drop = FALSE]
  }
  results
}

#' The fits of the named models, one row each, in the order of the study file.
named_models <- function(results) results$models$fits

#' Rows of a table that belong to one named model.
of_model <- function(results, table, task) pick(results$models[[table]], task = task)

#' Every named model under its own heading: what was fitted, on what, its doubts, and its tables.
models_section <- function(results) {
  ids <- paste0("model-", gsub("[^a-z0-9]+", "-", tolower(as.character(named_models(results)$name))))
  ids <- stats::setNames(make.unique(ids, sep = "-"), named_models(results)$task) # names may differ in signs only
  for (task in names(ids)) {
    fit <- of_model(results, "fits", task)
    id <- ids[[task]]
    cat(piece("model", task = task, id = id, heading = as.character(fit$name)), "\n")
    if (!as.character(fit$status) %in% c("ok", "not needed")) cat(model_callout(fit), "\n")
    for (part in names(model_parts)) {
      shown <- nrow(of_model(results, model_parts[[part]], task)) > 0
      if (part == "model-periods") shown <- periods_wanted(results, task)
      if (shown) cat(piece(part, task = task, id = id, outcome = as.character(fit$outcome)), "\n")
    }
  }
}

# A part of a model's section (a file in outcome/) and the table whose rows it shows.
model_parts <- c("model-coefficients" = "coefficients", "model-aft" = "aft", "model-tests" = "term_tests",
  "model-without" = "mediation",
  "model-zph" = "zph_points", "model-periods" = "zph_periods", "model-curves" = "effect_curves",
  "model-marginal" = "marginal", "model-variances" = "variances", "model-groups" = "random_effects",
  "model-states" = "occupation", "model-transitions" = "transition_coefficients")

#' The results with one named model in the place of the standard ones, for the figures that both have.
alone <- function(results, task) {
  for (table in names(results$models)) results[[table]] <- of_model(results, table, task)
  results$rule <- as.character(results$fits$rule)
  results
}

# What the study file says of a named model.
setting_of_model <- function(results, task, key, default) {
  entries <- study_value(results, c("analysis", "model"), list())
  name <- as.character(of_model(results, "fits", task)$name)
  own <- Filter(function(entry) identical(as.character(entry$name), name), entries)
  if (length(own) && !is.null(own[[1]][[key]])) own[[1]][[key]] else default
}

#' "95 % interval", or the level that the model asks for.
interval_of <- function(results, task) {
  paste0(fmt_number(100 * setting_of_model(results, task, "conf", 0.95)), "\u00a0% interval")
}

#' The results on the clock of one model: a fact's own exposures may be its time.
on_its_clock <- function(results, task) {
  results$time <- setting_of_model(results, task, "time", results$time)
  results
}

# Renames the column of the estimate with its interval.
with_interval <- function(d, results, task) {
  names(d) <- sub("95 % interval", interval_of(results, task), names(d), fixed = TRUE)
  d
}

model_callout <- function(fit) {
  head <- c(warning = "Read with care", "not estimable" = "No estimate", failed = "The fit failed",
    unavailable = "Not available")[[as.character(fit$status)]]
  callout(if (fit$status == "warning") "note" else "warning", head, md(first_upper(reason_of(fit))))
}

#' One paragraph: the model in words, the formula as fitted, the rows behind it.
say_model <- function(results, task) {
  fit <- of_model(results, "fits", task)
  counts <- if (is.na(fit$rows) || !fit$rows) "no rows, as it came to no fit" else paste0(
    plural(fit$rows, "row"), " of ", plural(fit$facts, "fact"), " in ", plural(fit$runs, "run"), ", ",
    plural(fit$events, "event"),
    if (isTRUE(fit$dropped > 0)) paste0("; ", plural(fit$dropped, "row"), " dropped"))
  ties <- if (!is.na(fit$ties) && nzchar(as.character(fit$ties))) paste0("; ties: ", md(as.character(fit$ties)))
  written <- if (!is.na(fit$formula)) paste0("Fitted as ", code_text(fit$formula), ". ")
  paste0(md(as.character(fit$title)), ". ", written, "Behind it: ", counts, ties,
    if (is.finite(fit$concordance)) paste0("; concordance ", fmt_number(fit$concordance), " (standard error ",
      fmt_number(fit$concordance_se, 2), ")"), ".")
}

table_model_coefficients <- function(results, task) {
  d <- of_model(results, "coefficients", task)
  md_table(with_interval(data.frame(Predictor = predictor_words(d$term), "Compared" = as.character(d$unit),
    "Hazard ratio (95 % interval)" = fmt_hr(d$hr, d$lower, d$upper, d$infinite), p = fmt_p_value(d$p),
    check.names = FALSE), results, task), "llrr")
}

table_model_aft <- function(results, task) {
  d <- of_model(results, "aft", task)
  distribution <- paste0(aft_words[as.character(d$distribution)], ifelse(d$chosen, " (chosen)", ""))
  md_table(with_interval(data.frame(Distribution = distribution,
    AIC = fmt_number(d$aic, 5), Predictor = predictor_words(d$term), Compared = as.character(d$unit),
    "Time ratio (95 % interval)" = fmt_hr(d$time_ratio, d$lower, d$upper, d$infinite),
    "Hazard ratio" = fmt_hr(d$hr, d$hr_lower, d$hr_upper, d$infinite), p = fmt_p_value(d$p), check.names = FALSE),
    results, task), "lrllrrr")
}

table_model_variances <- function(results, task) {
  d <- of_model(results, "variances", task)
  md_table(with_interval(variance_columns(results, d), results, task), "lrrrrrrl")
}
