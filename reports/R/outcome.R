# What stands in a fit's place when it failed, and beside it when it is in doubt.

callout <- function(kind, title, text, collapse = FALSE) {
  paste0("\n::: {.callout-", kind, if (collapse) ' collapse="true"', "}\n## ", md(title), "\n\n", text, "\n:::\n")
}

model_words <- c(km = "Cumulative incidence", score = "Score test", "cox-univariable" = "Cox model, one predictor at a time",
  cox = "Cox model", cloglog = "Grouped-time model (cloglog)", coxme = "Random effects (coxme)")

#' Callouts for the fits of some models; nothing for those that went well.
callouts_of <- function(results, outcome, models) {
  fits <- pick(results$fits, outcome = outcome, rule = results$rule, model = models)
  fits <- fits[as.character(fits$status) != "ok", , drop = FALSE]
  if (!nrow(fits)) return("")
  fits <- fits[!duplicated(paste(fits$model, fits$status, fits$reason)), ] # the same reason once for all univariable fits
  fits$model <- as.character(fits$model)
  paste(vapply(seq_len(nrow(fits)), function(i) callout_of(fits[i, ]), ""), collapse = "\n")
}

callout_of <- function(fit) {
  status <- as.character(fit$status)
  head <- c(warning = "Read with care", "not estimable" = "No estimate", failed = "The fit failed", unavailable = "Not available")
  kind <- if (status == "warning") "note" else "warning"
  reason <- as.character(fit$reason)
  if (is.na(reason) || !nzchar(reason)) reason <- c(as.character(fit$error), "No reason was recorded.")[1 + !nzchar(as.character(fit$error))]
  callout(kind, paste0(unname(head[status]), ": ", model_words[[as.character(fit$model)]], " of ", fit$outcome), md(first_upper(reason)))
}

#' A piece of an outcome's section, knitted in place with its outcome filled in. Pieces that would be empty are left
#' out by `piece_if`, so that no reference points at a figure that is not there.
piece <- function(name, ...) {
  text <- knitr::knit_expand(file.path("outcome", paste0(name, ".qmd")), ..., delim = c("<<", ">>"))
  knitr::knit_child(text = text, quiet = TRUE)
}

piece_if <- function(condition, name, ...) if (isTRUE(as.logical(condition))) piece(name, ...) else ""

#' Everything about one outcome; a part without data is its callout alone.
outcome_section <- function(results, outcome) {
  cat(say_count(results, outcome), "\n\n")
  if (!nrow(pick(results$fits, outcome = outcome))) {
    cat(callout("warning", paste("No analysis of", outcome), paste0("This study's results hold no fit of ", outcome, ".")))
    return(invisible())
  }
  cat(callouts_of(results, outcome, c("km", "score")), "\n")
  for (by in splits_of(results, outcome)) {
    cat(piece("incidence", outcome = outcome, by = by, id = gsub("[^a-z0-9]+", "-", tolower(by))), "\n")
  }
  has <- function(table, ...) nrow(pick(results[[table]], outcome = outcome, rule = results$rule, ...)) > 0
  cat(piece_if(has("coefficients"), "effects", outcome = outcome), "\n")
  cat(callouts_of(results, outcome, c("cox-univariable", "cox", "cloglog")), "\n")
  if (has("zph_points")) {
    cat(piece("proportionality", outcome = outcome), "\n")
  } else if (estimated(fit_of(results, outcome, "cox"))) {
    cat(callout("note", paste("No check of proportional hazards for", outcome), "The results hold no Schoenfeld residuals for this fit."))
  }
  cat(piece_if(has("variances", model = "coxme"), "random", outcome = outcome), "\n")
  cat(callouts_of(results, outcome, "coxme"), "\n")
}
