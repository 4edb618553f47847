# Where the numbers come from: costs, what was missing, who rendered.

#' A setting inside a sentence.
fmt_setting <- function(results, keys) {
  x <- study_value(results, keys)
  if (is.numeric(x)) fmt_number(x) else md(paste(unlist(x), collapse = ", "))
}

#' What the intervals allow for.
say_cluster <- function(results) {
  cluster <- study_value(results, c("analysis", "cluster"), "")
  if (!nzchar(cluster)) return(", and treat the rows as independent")
  what <- if (cluster == "fact_id") "the rows of one fact" else paste0("the same *", md(cluster), "*")
  paste0("; those of the Cox models, the grouped-time model and the curves are robust to rows belonging together (",
      what, "), those of Firth's model and of models whose random effects are of something else are not")
}

say_caveats <- function(results) {
  x <- caveats(results)
  if (length(x)) paste0("- ", x, collapse = "\n") else "Nothing in the data speaks against reading them as they stand."
}

#' Every fit in doubt, by outcome.
say_doubts <- function(results) {
  doubts <- doubts_of(results)
  if (length(doubts)) paste0("- ", doubts, collapse = "\n") else ""
}

say_words <- function(results) {
  paste0("*Hazard ratio*: how many times as often, per ", md(time_word(results$time)),
      ", something happens to one kind of fact as to another, ",
    "among those to which it has not happened yet; 1 means no difference. ",
    "*95 % interval*: the values that are compatible with these data. ",
    "*p*: how often chance alone would show at least so large a difference if there were none.")
}

say_missing <- function(results) {
  if ("environment.json" %in% results$absent) return("There is no *environment.json*, so this is not known.")
  m <- results$environment$missing
  # A page that Quarto makes did not lack it, whatever the analysis found on its machine.
  if (grepl("^quarto", renderer(), ignore.case = TRUE)) m <- Filter(function(x) tolower(x$what) != "quarto", m)
  if (!length(m)) return("Nothing was missing.")
  paste0("- **", vapply(m, function(x) md(x$what), ""), "**: ", vapply(m, function(x) md(x$cost), ""),
    vapply(m, function(x) if (is.null(x$remedy) || !nzchar(x$remedy)) "" else paste0(". To have it: ", md(x$remedy)),
        ""), ".", collapse = "\n")
}

#' Seconds of each step. Artefacts that one step made together carry its whole time each, so steps are counted, not
#' files.
step_seconds <- function(results) {
  steps <- results$manifest$steps
  if (!length(steps)) steps <- results$manifest$artefacts
  vapply(steps, function(x) if (is.null(x$seconds)) NA_real_ else as.numeric(x$seconds), 0)
}

#' The study's own note and author, if it has them.
say_note <- function(results) {
  author <- study_value(results, c("report", "author"), "")
  note <- study_value(results, c("report", "note"), "")
  paste0(if (nzchar(author)) paste0("*", md(author), "*\n\n"), if (nzchar(note)) md(note))
}

say_costs <- function(results) {
  made <- vapply(results$manifest$artefacts, function(x) if (is.null(x$made)) "" else as.character(x$made), "")
  machine <- results$environment$machine
  paste0("Added up, the steps took ", fmt_seconds(sum(step_seconds(results), na.rm = TRUE)), ", the fits alone ",
    fmt_seconds(sum(results$every_fit$seconds, na.rm = TRUE)), "; what ran side by side (runs, fits) counts each with ",
    "its own time, so that less may have passed on the clock. ",
    if (length(machine)) paste0("Machine: ", md(paste(unlist(machine), collapse = ", ")), ". "),
    if (any(nzchar(made))) paste0("The newest artefact dates from ", md(max(made)), "."),
    if (length(results$absent)) paste0(" Optional files that are not in the folder: ", md(list_words(results$absent)),
        "."))
}

#' Which program makes this page: render.py says it; a page rendered by hand in RStudio knows only that Quarto is there.
renderer <- function() {
  by <- Sys.getenv("FACTSURV_RENDERER")
  if (nzchar(by)) by else if (is.null(knitr::opts_knit$get("quarto.version"))) "knitr" else "Quarto"
}

say_renderer <- function(results, by = renderer()) {
  paste0("Study *", md(study_value(results, c("study", "name"), "without a name")), "*. Rendered by ", md(by), " on ",
    format(Sys.time(), "%Y-%m-%d %H:%M", tz = "UTC"), " UTC with R ", paste(R.version$major, R.version$minor,
        sep = "."),
    " and ggplot2 ", utils::packageVersion("ggplot2"), ".")
}
