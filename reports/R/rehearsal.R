#' The mark of a rehearsal (`factsurv run --rehearse`), which no screen and no printed page is without.
#'
#' @param results from `read_results()`.
#' @return Markdown; empty for a study itself.
rehearsal_mark <- function(results) {
  differs <- unlist(study_value(results, c("report", "rehearsal"), list()))
  if (!length(differs)) return("")
  mark <- paste0("\n::: {.rehearsal-mark role=\"note\" aria-label=\"Rehearsal\"}\n",
    "REHEARSAL: no number here is a finding\n:::\n\n")
  paste0(mark, "::: {.rehearsal}\nThis is a rehearsal: it shows that every step of the study works. It was made with ",
    md(list_words(differs)), ". It does not show what the study will find, how long it takes, or whether its memory ",
    "suffices.\n:::\n\n")
}
