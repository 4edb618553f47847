# The results folder as one list: a table each, the study's settings, and the choices that every section shares.

#' @param folder A results folder as docs/tables.md describes it.
#' @return A list: tables by name (a missing one has no rows), `study`, `manifest`, `environment`, `rule` (the primary
#'   event rule), `time` (unit of the time axis), `outcomes`, `notes` (sentences about the events: what was left out or
#'   is unusual), `absent` (names of optional files that are not there).
read_results <- function(folder) {
  main <- c("events", "event_counts")
  # Of studies that factsurv ran, events of one's own have none; claims and instruments where somebody asked for any.
  probed <- c("facts", "series", "baseline", "recall", "forms", "transitions", "measured", "claims", "pools",
    "score_means", "score_facts", "implied_counts")
  analysis <- c("fits", "coefficients", "curves", "risk_table", "rmst", "sensitivity", "arms", "tests", "zph_tests",
    "zph_points", "zph_curves", "zph_periods", "influence", "variances", "random_effects", "marginal", "aft",
    "turnbull", "term_tests", "effect_curves", "form_tests", "form_points", "form_curves", "form_shapes",
    "latent_definitions", "occupation", "sojourns", "transition_counts", "transition_coefficients", "popularity",
    "paired", "phases", "scaling", "mean_ranks", "score_correlations", "smi", "smi_points", "mediation")
  results <- list(folder = folder, absent = character())
  for (name in c(main, probed)) {
    path <- file.path(folder, paste0(name, ".arrow"))
    results[[name]] <- if (name %in% main || file.exists(path)) read_table(path) else data.frame()
  }
  for (name in analysis) {
    path <- file.path(folder, "analysis", paste0(name, ".arrow"))
    if (file.exists(path)) {
      results[[name]] <- read_table(path)
    } else {
      results[[name]] <- data.frame()
      results$absent <- c(results$absent, paste0("analysis/", name, ".arrow"))
    }
  }
  for (name in c(main, probed, analysis)) results[[name]] <- visible_texts(results[[name]])
  results <- separate_models(results, analysis)
  for (name in c("study", "manifest", "environment")) {
    path <- file.path(folder, paste0(name, ".json"))
    found <- file.exists(path)
    results[[name]] <- if (found) jsonlite::read_json(path) else list()
    if (!found) results$absent <- c(results$absent, basename(path))
  }
  simulated <- results$study$simulation
  if (!is.null(simulated)) { # its questions have no other settings
    results$study$probe <- list(samples = simulated$samples, temperature = 1, top_k = 0L, top_p = 1)
  }
  results$rule <- primary_rule(results)
  about <- attr(results$events, "metadata")
  results$time <- c(about$time, study_value(results, c("analysis", "time"), "epoch"))[1]
  results$notes <- unlist(lapply(about[c("left_out", "notes")], function(x) if (!is.null(x)) jsonlite::fromJSON(x)))
  spells <- results$fits[!as.character(results$fits$model) %in% c(state_models, paired_models), , drop = FALSE]
  spells <- spells[!as.character(spells$outcome) %in% implied_outcomes, , drop = FALSE]
  vocabulary$probed <- nrow(results$baseline) > 0
  vocabulary$origin <- study_value(results, c("analysis", "origin"), NULL)
  vocabulary$known_in <- unlist(study_value(results, c("analysis", "known_in"), list()))
  held <- regmatches(results$rule, regexec("^(sustained|loss|confident)([0-9]+)$", results$rule))[[1]]
  vocabulary$in_a_row <- max(1, as.integer(held[3]), na.rm = TRUE)
  vocabulary$series <- nrow(results$series) > 0
  vocabulary$counted <- NROW(results$smi) + NROW(results$mediation) > 0
  vocabulary$observed <- !is.null(results$study$observations)
  results$histories <- if (vocabulary$probed) recall_histories(results$transitions, results$rule) else data.frame()
  results$outcomes <- unique(c(level_order(spells$outcome), level_order(results$event_counts$outcome)))
  results
}

# Texts go to figures as well, where a control character is drawn as it may.
visible_texts <- function(table) {
  for (name in names(table)) {
    if (is.factor(table[[name]])) levels(table[[name]]) <- visible(levels(table[[name]]))
    if (is.character(table[[name]])) table[[name]] <- visible(table[[name]])
  }
  table
}

#' The rule that the text and the figures follow: the study's own first one, else the first level of the tables.
primary_rule <- function(results) {
  stated <- c(study_value(results, c("analysis", "rule"), NULL),
      unlist(study_value(results, c("analysis", "rules"), NULL)))
  present <- levels(factor(results$event_counts$rule, levels = level_order(results$event_counts$rule)))
  known <- intersect(as.character(stated), present)
  if (length(known)) known[1] else if (length(present)) present[1] else "first"
}

#' A setting by its keys, or `default` where the study does not state it.
study_value <- function(results, keys, default = "not recorded") {
  value <- results$study
  for (key in keys) value <- if (is.list(value)) value[[key]] else NULL
  if (is.null(value)) default else value
}

#' Rows of a table by the values of its head columns; a table without such a column has no rows to give.
pick <- function(table, ...) {
  wanted <- Filter(Negate(is.null), list(...))
  if (!nrow(table) || !all(names(wanted) %in% names(table))) return(table[0, , drop = FALSE])
  keep <- rep(TRUE, nrow(table))
  for (name in names(wanted)) keep <- keep & as.character(table[[name]]) %in% wanted[[name]]
  table[keep, , drop = FALSE]
}

#' The predictor that an outcome is about: the first one of the analysis plan.
main_term <- function(results, outcome) {
  planned <- results$manifest$steps$analysis$key$spec$plan$covariates[[outcome]]
  fitted <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = c("cox", "cox-univariable"))$term
  c(unlist(planned), column_of(fitted), "")[1]
}

#' The column that a term is of: of a factor with several levels, what stands before the level. A column whose own name
#' could be taken for that stands in backticks (see describe_terms() of the R package).
column_of <- function(term) {
  term <- as.character(term)
  named <- regmatches(term, regexpr(quoted_column, term, perl = TRUE))
  is_quoted <- grepl(quoted_column, term, perl = TRUE)
  column <- sub(":.*$", "", term)
  column[is_quoted] <- gsub("\\\\(.)", "\\1", substring(named, 2, nchar(named) - 1))
  column
}

quoted_column <- "^`(?:[^`\\\\]|\\\\.)*`(?=:|$)"

#' The level that a term is of; empty where the column has one coefficient.
level_of <- function(term) {
  term <- as.character(term)
  whole <- grepl(quoted_column, term, perl = TRUE)
  level <- ifelse(whole, sub(quoted_column, "", term, perl = TRUE), sub("^[^:]*", "", term))
  sub("^:", "", level)
}

#' Where the rows of `a` are in `b`, by columns of both: two keys may read alike once they are pasted.
match_rows <- function(a, b, keys) {
  of <- function(d) {
    do.call(paste, lapply(keys, function(key) match(as.character(d[[key]]), as.character(b[[key]]))))
  }
  match(of(a), of(b))
}

#' The row of a model for the main predictor; no rows where it was not estimated, or (unless asked for) the fit is in
#' doubt: what is said in sentences comes from here.
main_effect <- function(results, outcome, rule = results$rule, model = "cox", doubtful = FALSE) {
  if (!doubtful && doubted(results, outcome, model, rule)) return(results$coefficients[0, , drop = FALSE])
  rows <- pick(results$coefficients, outcome = outcome, rule = rule, model = model)
  if (!nrow(rows)) return(rows)
  utils::head(rows[column_of(rows$term) == main_term(results, outcome), , drop = FALSE], 1)
}

#' An outcome's name as ids and labels may have it: plain words joined, anything else by its characters' numbers.
outcome_id <- function(outcome) {
  taken <- c("summary", "baseline", "recall", "events", "states", "arms", "rules", "sensitivity", "latent", "models",
    "methods", "details", "warnings", "missing", "provenance", "forgetting", "first-step", "transition-ratios", "toc",
    "trust", "claims", "facts", "appendix", "glossary", "settings", "event-rules", "instruments", "forms", "phases",
    "plateau-scaling", "old-new", "sure", "attention-layers")
  if (grepl("^[a-z0-9]+( [a-z0-9]+)*$", outcome) && !outcome %in% taken) return(gsub(" ", "-", outcome))
  paste(c("outcome", utf8ToInt(outcome)), collapse = "-")
}

#' The fit of a model; no rows where the study holds none.
fit_of <- function(results, outcome, model, rule = results$rule) {
  utils::head(pick(results$fits, outcome = outcome, rule = rule, model = model), 1)
}

estimated <- function(fit) nrow(fit) > 0 && as.character(fit$status[1]) %in% c("ok", "warning")
