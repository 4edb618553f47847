# What stands in a fit's place when it failed, and beside it when it is in doubt.

callout <- function(kind, title, text, collapse = FALSE) {
  paste0("\n::: {.remark-", kind, if (collapse) ' collapse="true"', "}\n## ", md(title), "\n\n", text, "\n:::\n")
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
  phases = "phases of learning", pwp = "repeated events (PWP)", "mean-ranks" = "mean ranks",
  localisation = "correlation of scores", "implied-arms" = "comparison of recipes",
  smi = "accuracy against counts", mediation = "Cox models before and after counts")

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
  columns_in_words(said[!is.na(said) & nzchar(said)][1])
}

# A predictor that was left out, by its words and not by its column.
columns_in_words <- function(said) {
  columns <- gregexpr("[A-Za-z0-9_.]+(?= is left out: )", said, perl = TRUE)
  regmatches(said, columns) <- lapply(regmatches(said, columns), function(x) {
    paste0("\u201c", predictor_words(x), "\u201d", recycle0 = TRUE)
  })
  said
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
