# The parts of the page: pieces knitted in place, what is told of an outcome, and its part of the appendix.

#' A piece of the report, knitted in place; of an outcome's section (`outcome/`) with that outcome filled in. Pieces
#' that would be empty are left out by `piece_if`, so that no reference points at a figure that is not there.
piece <- function(name, ..., outcome = "", id = outcome_id(outcome)) {
  file <- paste0(if (!grepl("/", name)) "outcome/", name, ".qmd")
  values <- list(..., outcome = outcome, id = id)
  # Only ids are written into the piece, as labels must stand there; texts are values, which nothing parses.
  ids <- values[names(values) %in% c("id", "by_id")]
  text <- worded(do.call(knitr::knit_expand, c(list(file), ids, list(delim = c("<<", ">>")))))
  knitr::knit_child(text = text, quiet = TRUE, envir = list2env(values, parent = knitr::knit_global()))
}

piece_if <- function(condition, name, ...) if (isTRUE(as.logical(condition))) piece(name, ...) else ""

#' Sections of a reader's own: files `*section.qmd` in the results folder, knitted as the report's pieces are, with its
#' functions, the R package's figures and `results` at hand.
own_sections <- function(results) {
  files <- sort(list.files(results$folder, "section[.]qmd$", full.names = TRUE))
  knitted <- vapply(files, function(file) {
    text <- readLines(file, encoding = "UTF-8", warn = FALSE)
    own <- new.env(parent = knitr::knit_global()) # what a section names stays its own
    knitr::knit_child(text = text, quiet = TRUE, envir = own)
  }, "")
  paste(knitted, collapse = "\n\n")
}

#' A part that stays folded until somebody wants it; nothing where there is nothing in it.
fold <- function(title, ...) {
  inside <- paste(c(...), collapse = "\n\n")
  if (!nzchar(trimws(inside))) return("")
  paste0("\n\n::: {.fold}\n## ", title, "\n\n", inside, "\n:::\n\n")
}

#' The numbers of the appendix: `part()` begins A, B, …; `number()` counts A.1, A.2, … within.
numbering <- new.env()
numbering$part <- numbering$item <- 0L
part <- function() {
  numbering$part <- numbering$part + 1L
  numbering$item <- 0L
  LETTERS[numbering$part]
}
number <- function() {
  numbering$item <- numbering$item + 1L
  paste0(LETTERS[numbering$part], ".", numbering$item)
}

#' What an outcome is about, as a question; of a table of one's own its name is all that is known.
outcome_head <- function(outcome) {
  question <- c(acquisition = "what did it learn, and when?", generalisation = "what came along?",
    degradation = "what did it lose?")
  paste0(md(first_upper(outcome)), if (vocabulary$probed && outcome %in% names(question)) paste0(": ",
    question[[outcome]]))
}

has_rows <- function(results, table, outcome, ...) {
  nrow(pick(results[[table]], outcome = outcome, rule = results$rule, ...)) > 0
}

#' Whether the study asks for an analysis of an outcome (one that names none asks for all); its events are counted all
#' the same.
is_asked <- function(results, outcome) {
  asked <- unlist(study_value(results, c("analysis", "outcomes"), NULL))
  !length(asked) || outcome %in% asked
}

#' What a reader wants to know of one outcome: how often, how soon, what it depends on; the numbers folded.
outcome_section <- function(results, outcome) {
  cat("\n\n## ", outcome_head(outcome), " {#", outcome_id(outcome), "}\n\n", sep = "")
  cat(say_count(results, outcome), say_net(results, outcome), "\n\n")
  if (!nrow(pick(results$fits, outcome = outcome))) {
    cat(if (!is_asked(results, outcome)) paste0("The study file asks for no analysis of ", md(outcome), ".\n") else
      callout("warning", paste("No analysis of", outcome), paste0("The results hold no fit of ", md(outcome), ".")))
    return(invisible())
  }
  splits <- splits_of(results, outcome)
  curve <- function(by) piece("incidence", outcome = outcome, by = by, by_id = match(by, splits))
  if (length(splits)) cat(curve(splits[1]), "\n")
  fitted <- has_rows(results, "coefficients", outcome)
  if (fitted) cat(piece("effects", outcome = outcome), "\n")
  mixed <- has_rows(results, "variances", outcome, model = "coxme") # then their doubts stand with the random effects
  doubts <- paste(callouts_of(results, outcome, c("km", "score", "rmst")), callouts_of(results, outcome,
    c("cox-univariable", "cox", "cox-firth", "cloglog", "interval", "sensitivity", if (!mixed) "coxme")))
  if (!fitted) cat(doubts, "\n")
  cat(piece_if(has_rows(results, "occupation", outcome, model = followed), "own-states", outcome = outcome))
  cat(fold(paste0("Numbers, method and caveats of ", md(outcome)), if (fitted) piece("estimates", outcome = outcome),
    if (fitted) doubts, vapply(splits[-1], curve, ""), piece_if(has_rows(results, "rmst", outcome), "rmst",
      outcome = outcome)))
}

#' What a statistician checks: a part of the appendix for each outcome, with what was done about what was found.
outcome_appendix <- function(results, outcome) {
  # The doubts of a fit stand in its part, or in the place of it.
  of <- function(condition, name, models) {
    if (condition) piece(name, outcome = outcome) else callouts_of(results, outcome, models)
  }
  has <- function(...) has_rows(results, outcome = outcome, ...)
  letter <- part()
  unchecked <- if (!has("zph_points") && estimated(fit_of(results, outcome, "cox"))) {
    callout("note", paste("No check of proportional hazards for", outcome),
      "The results hold no Schoenfeld residuals for this fit.")
  }
  parts <- c(of(has("coefficients", model = "interval"), "intervals", c("aft", "turnbull")),
    of(has("zph_points"), "proportionality", c("cox-split", "cox-stratified")), unchecked,
    of(has("form_curves"), "form", "form"), of(nrow(foretold(results, outcome)), "foretell", "cox-history"),
    of(has("influence"), "influence", "influence"), if (has("variances", model = "coxme")) piece("random",
      outcome = outcome), several_section(results, outcome))
  if (!any(nzchar(trimws(parts)))) {
    numbering$part <- numbering$part - 1L
    return(invisible())
  }
  cat("\n\n## ", letter, " ", md(first_upper(outcome)), ": checks and remedies {#appendix-", outcome_id(outcome),
    "}\n\n", paste(parts, collapse = "\n\n"), "\n", sep = "")
}
