# What stands in a fit's place when it failed, and beside it when it is in doubt.

callout <- function(kind, title, text, collapse = FALSE) {
  paste0("\n::: {.callout-", kind, if (collapse) ' collapse="true"', "}\n## ", md(title), "\n\n", text, "\n:::\n")
}

model_words <- c(km = "cumulative incidence", score = "score test", "cox-univariable" = "Cox model of one predictor",
  cox = "Cox model", "cox-firth" = "penalised Cox model (Firth)",
  "cox-stratified" = "stratified Cox model", "cox-split" = "Cox model with split time", form = "form of the effects",
  "latent-definitions" = "definitions of latent knowledge", "cox-arms" = "Cox model stratified by recipe",
  rmst = "restricted mean times",
  sensitivity = "methods for ties", influence = "influence", arms = "comparison of recipes",
  cloglog = "grouped-time model (cloglog)", interval = "interval-censored model",
  aft = "accelerated failure time model", turnbull = "Turnbull's curves",
  "cox-history" = "model with the current margin", coxme = "random effects (coxme)",
  "frailty-gamma" = "gamma frailty", "frailty-fact" = "gamma frailty of facts", "multi-state" = "states",
  "competing-risks" = "competing risks", "andersen-gill" = "repeated events (Andersen\u2013Gill)",
  pwp = "repeated events (PWP)")

#' Callouts for the fits of some models; nothing for those that went well. One reason is given once, for all it
#' concerns, and the reasons of the same models under one head.
callouts_of <- function(results, outcome, models) {
  fits <- pick(results$fits, outcome = outcome, rule = results$rule, model = models)
  fits <- fits[!as.character(fits$status) %in% c("ok", "not needed"), , drop = FALSE]
  if (!nrow(fits)) return("")
  fits$said <- vapply(seq_len(nrow(fits)), function(i) reason_of(fits[i, ]), "")
  same <- paste(fits$status, fits$said)
  alike <- split(fits, factor(same, unique(same)))
  heads <- vapply(alike, callout_head, "")
  paste(vapply(split(alike, factor(heads, unique(heads))), callout_of, ""), collapse = "\n")
}

reason_of <- function(fit) {
  said <- c(as.character(fit$reason), as.character(fit$error), "No reason was recorded.")
  said[!is.na(said) & nzchar(said)][1]
}

callout_head <- function(fits) {
  head <- c(warning = "Read with care", "not estimable" = "No estimate", failed = "The fit failed",
      unavailable = "Not available")[[as.character(fits$status[1])]]
  names <- unique(unname(model_words[as.character(fits$model)]))
  paste0(head, " (", list_words(unique(as.character(fits$outcome))), "): ", first_upper(list_words(names)))
}

callout_of <- function(alike) {
  reasons <- vapply(alike, function(fits) md(first_upper(fits$said[1])), "")
  kind <- if (alike[[1]]$status[1] == "warning") "note" else "warning"
  callout(kind, callout_head(alike[[1]]), if (length(reasons) == 1) reasons else paste0("- ", reasons, collapse = "\n"))
}

#' A piece of the report, knitted in place; of an outcome's section (`outcome/`) with that outcome filled in. Pieces
#' that would be empty are left out by `piece_if`, so that no reference points at a figure that is not there.
piece <- function(name, ..., outcome = "", id = outcome_id(outcome)) {
  file <- paste0(if (!grepl("/", name)) "outcome/", name, ".qmd")
  values <- list(..., outcome = outcome, id = id)
  # Only ids are written into the piece, as labels must stand there; texts are values, which nothing parses.
  ids <- values[names(values) %in% c("id", "by_id")]
  text <- do.call(knitr::knit_expand, c(list(file), ids, list(delim = c("<<", ">>"))))
  knitr::knit_child(text = text, quiet = TRUE, envir = list2env(values, parent = knitr::knit_global()))
}

piece_if <- function(condition, name, ...) if (isTRUE(as.logical(condition))) piece(name, ...) else ""

#' Everything about one outcome; a part without data is its callout alone.
outcome_section <- function(results, outcome) {
  cat("\n\n## ", md(first_upper(outcome)), " {#", outcome_id(outcome), "}\n\n", sep = "")
  cat(say_count(results, outcome), "\n\n")
  if (!nrow(pick(results$fits, outcome = outcome))) {
    cat(callout("warning", paste("No analysis of", outcome), paste0("The results hold no fit of ", md(outcome), ".")))
    return(invisible())
  }
  cat(callouts_of(results, outcome, c("km", "score", "rmst")), "\n")
  for (by in splits_of(results, outcome)) {
    cat(piece("incidence", outcome = outcome, by = by, by_id = match(by, splits_of(results, outcome))), "\n")
  }
  has <- function(table, ...) nrow(pick(results[[table]], outcome = outcome, rule = results$rule, ...)) > 0
  cat(piece_if(has("rmst"), "rmst", outcome = outcome), "\n")
  cat(piece_if(has("coefficients"), "effects", outcome = outcome), "\n")
  mixed <- has("variances",
      model = "coxme") # then the random effects have a part of their own, and their doubts stand there
  adjusted <- c("cox-univariable", "cox", "cox-firth", "cloglog", "interval", "sensitivity", if (!mixed) "coxme")
  cat(callouts_of(results, outcome, adjusted), "\n")
  timed <- has("coefficients", model = "interval")
  cat(piece_if(timed, "intervals", outcome = outcome), callouts_of(results, outcome, c("aft", "turnbull")), "\n")
  if (has("zph_points")) {
    cat(piece("proportionality", outcome = outcome),
      callouts_of(results, outcome, c("cox-split", "cox-stratified")), "\n")
  } else if (estimated(fit_of(results, outcome, "cox"))) {
    cat(callout("note", paste("No check of proportional hazards for", outcome),
        "The results hold no Schoenfeld residuals for this fit."))
  }
  cat(piece_if(has("form_curves"), "form", outcome = outcome), callouts_of(results, outcome, "form"), "\n")
  cat(piece_if(nrow(foretold(results, outcome)), "foretell", outcome = outcome),
    callouts_of(results, outcome, "cox-history"), "\n")
  cat(piece_if(has("influence"), "influence", outcome = outcome), callouts_of(results, outcome, "influence"), "\n")
  if (mixed) cat(piece("random", outcome = outcome), callouts_of(results, outcome, random_models), "\n")
  several_section(results, outcome)
}
