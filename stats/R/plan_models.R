# The entries of [[analysis.model]]: completed from the plan, checked, and made into tasks.

#' What is wrong with the models of a plan
#'
#' @param models list of entries, as in `[[analysis.model]]`.
#' @param columns named list: the columns of each table, or NULL where they are not known yet.
#' @param plan what an entry takes from the plan unless it says otherwise: `rules`, `cluster`, `ties`, `standardise`,
#'   `conf`.
#' @return A list of problems: `number` (of the entry), `name`, `key`, `what`, `remedy`; empty where all is well.
#' @export
model_problems <- function(models, columns = NULL, plan = list()) {
  found <- lapply(seq_along(models), function(i) {
    problem <- function(key, what, remedy) {
      list(number = i, name = paste(texts(models[[i]]$name), collapse = ""), key = key, what = what, remedy = remedy)
    }
    tryCatch({
      model <- complete_model(models[[i]], plan, columns)
      column_problems(model, columns, problem)
    }, model_problem = function(e) list(problem(e$key, conditionMessage(e), e$remedy)),
    formula_problem = function(e) list(problem("formula", conditionMessage(e), e$remedy)))
  })
  names <- vapply(models, function(model) paste(texts(model$name), collapse = ""), "")
  twice <- anyDuplicated(names)
  c(unlist(found, recursive = FALSE), if (twice) list(list(
    number = twice, name = names[[twice]], key = "name", what = "another model has this name",
    remedy = "give each model its own name"
  )))
}

# An entry with everything filled in: defaults of the plan, the kind, the formula's own strata and random effects.
complete_model <- function(model, plan = list(), columns = NULL) {
  model <- Filter(function(value) length(value) > 0L, model)
  name <- if (is.null(model$kind)) "cox" else model$kind
  kinds <- model_kinds()
  if (!name %in% names(kinds)) {
    bad_model("kind", sprintf("there is no kind of model '%s'; %s", name, meant_kind(name, names(kinds))),
              paste("known:", toString(names(kinds))))
  }
  kind <- kinds[[name]]
  own <- c("name", "title", "kind", "outcome", "rule", "formula", "conf", "standardise", "table", "own", "names",
           "every")
  stray <- setdiff(names(model), c(own, kind$keys))
  if (length(stray)) {
    bad_model(stray[[1L]], sprintf("the kind '%s' does not use the key '%s'", name, stray[[1L]]),
              paste0("leave it out; it uses ", toString(c("formula", kind$keys))))
  }
  parsed <- parse_formula(model$formula, model$names)
  defaults <- list(
    kind = name, rule = plan$rules[[1L]], strata = character(), cluster = plan$cluster, random = character(),
    ties = plan$ties, standardise = plan$standardise, conf = plan$conf, engine = c(plan$mixed_engine, "auto")[[1L]],
    zph = plan$zph, horizon = plan$horizon, clock = "total",
    table = table_of(kind, c(parsed$columns, texts(model$strata)), texts(columns$events))
  )
  model <- utils::modifyList(Filter(Negate(is.null), defaults), model)
  for (key in c("strata", "random")) {
    model[[key]] <- unique(c(texts(model[[key]]), parsed[[key]]))
    if (length(model[[key]]) && !key %in% kind$keys) {
      what <- c(strata = "strata", random = "random effects")[[key]]
      bad_model("formula", sprintf("the kind '%s' has no %s", name, what),
                sprintf("take it out of the formula, or use the kind '%s'", if (key == "random") "frailty" else "cox"))
    }
  }
  model$parsed <- parsed
  if (length(parsed$psplines) && name != "cox") {
    bad_model("formula", sprintf("the kind '%s' has no penalised splines", name), "use ns(), or the kind 'cox'")
  }
  if (name != "cox" && identical(model$ties, "exact")) {
    bad_model("ties", sprintf("the kind '%s' has no exact method for ties", name), "use \"efron\" or \"breslow\"")
  }
  problems <- if (is.null(kind$check)) character() else kind$check(model)
  if (length(problems)) bad_model(names(problems)[[1L]], problems[[1L]], "see docs/statistics.md")
  model
}

# The table that a model reads: the history where it names what only the history has.
table_of <- function(kind, asked, events) {
  if (!is.null(kind$table)) return(kind$table)
  now <- intersect(asked, c("logp_now", "margin_now", "exposures_now", "attention_now"))
  if (length(setdiff(now, events))) "history" else "events"
}

bad_model <- function(key, what, remedy) {
  stop(structure(class = c("model_problem", "error", "condition"),
                 list(message = what, call = NULL, key = key, remedy = remedy)))
}

# Columns that the model's table does not have.
column_problems <- function(model, columns, problem) {
  outcomes <- intersect(c(model$parsed$columns, model$strata), outcome_columns)
  if (length(outcomes)) {
    return(list(problem("formula", sprintf("'%s' is the outcome itself, or known only with it", outcomes[[1L]]),
                        "name what was known before; a change with time is time_varying, with split or tt")))
  }
  known <- texts(columns[[model$table]])
  if (!length(known)) return(NULL)
  asked <- list(formula = model$parsed$columns, strata = model$strata, cluster = texts(model$cluster),
                random = unlist(strsplit(model$random, "/", fixed = TRUE)), by = texts(model$by),
                cause = texts(model$cause))
  found <- lapply(names(asked), function(key) {
    absent <- setdiff(asked[[key]], c(known, ""))
    lapply(absent, function(name) {
      what <- sprintf("there is no column '%s' in the table %s; the nearest is '%s'", name, model$table,
                      nearest(name, known))
      problem(key, what, paste("columns:", toString(known)))
    })
  })
  unlist(found, recursive = FALSE)
}

# What nobody knows before the event: as predictors they foretell it without telling anything.
outcome_columns <- c("stop", "event", "left", "right", "to", "gap", "stop_examples")

# The tasks of all entries. A plan whose models cannot be meant is refused as a whole.
model_tasks <- function(plan, columns = NULL) {
  problems <- model_problems(plan$models, columns, plan)
  if (length(problems)) {
    first <- problems[[1L]]
    stop(sprintf("analysis.model[%d].%s (%s): %s; %s", first$number, first$key, first$name, first$what, first$remedy),
         call. = FALSE)
  }
  lapply(plan$models, function(entry) {
    model <- complete_model(entry, plan, columns)
    kind <- model_kinds()[[model$kind]]
    id <- paste(model$outcome, model$rule, model$kind, model$name, sep = "/")
    apart <- c("name", "title", "kind", "outcome", "rule", "table", "own", "every", "parsed")
    args <- model[setdiff(names(model), apart)]
    parts <- c(if (model$parsed$text != "1") paste("of", model$parsed$text),
               if (length(model$random)) paste("with random effects of", toString(model$random)))
    clock <- if (model$table == "exposures") "on each fact's own clock of exposures,"
    words <- paste(c(clock, kind$words, if (isTRUE(model$every)) "of every event", parts), collapse = " ")
    title <- if (is.null(model$title)) words else sprintf("%s (%s)", model$title, words)
    list(id = id, fn = "model", outcome = model$outcome, rule = model$rule, model = model$kind, name = model$name,
         table = model$table, args = args, title = title_of(model$outcome, model$rule, title))
  })
}
