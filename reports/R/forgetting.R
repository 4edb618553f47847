# Facts that are forgotten more than once.

forgetting_words <- c(total = "same number of forgettings before (PWP, time since the start)",
  gap = "same number before (PWP, time since last recalled)")

repeated_words <- c(total = "same number of events before (PWP, time since the start)",
  gap = "same number before (PWP, time since the last one)")

#' @param outcome "forgetting", or an outcome that repeats in a table of one's own.
forgetting_data <- function(results, outcome = "forgetting") {
  d <- pick(results$coefficients, rule = results$rule, outcome = outcome, model = c("andersen-gill", "pwp"))
  if (!nrow(d)) return(d)
  clock <- sub("^.*/", "", as.character(d$task))
  words <- if (outcome == "forgetting") forgetting_words else repeated_words
  d$kind <- ifelse(d$model == "andersen-gill", "all alike (Andersen\u2013Gill)", words[clock])
  d
}

#' Of the number of each forgetting: facts at risk of it, and forgettings.
forgetting_counts <- function(results, outcome = "forgetting") {
  d <- pick(results$transition_counts, rule = results$rule, outcome = outcome, model = "andersen-gill", to = "event")
  d[order(as.integer(as.character(d$stratum))), ]
}

say_forgetting <- function(results) {
  d <- forgetting_counts(results)
  if (!nrow(d)) return("")
  again <- sum(d$events[-1])
  paste0("Of ", plural(d$at_risk[1], history_word(results), history_word(results, 2)),
    " in which a fact was recalled and probed again, ", fmt_n(d$events[1]), " (",
    fmt_percent(d$events[1] / d$at_risk[1], 0), ") saw it forgotten at least once. ",
    if (nrow(d) > 1) paste0(fmt_n(d$at_risk[2]), " of them came back, and ", fmt_n(d$events[2]), " of these were ",
      "forgotten a second time (", plural(sum(d$events), "forgetting"), " in all). ") else "None came back. ",
    if (!again) "With no repetition, the three models below are all about the first loss." else paste0(
      "If the columns agree, a fact\u2019s history does not change what drives its loss; where they differ, look at ",
      "the ones that compare like with like (PWP)."), say_doubtful_columns(results, "forgetting"))
}

# The columns of the table whose model is in doubt.
say_doubtful_columns <- function(results, outcome) {
  fits <- pick(results$fits, rule = results$rule, outcome = outcome, model = c("andersen-gill", "pwp"))
  fits <- fits[nzchar(doubt_of(fits)), , drop = FALSE]
  if (!nrow(fits)) return("")
  why <- unique(vapply(doubt_of(fits), short_doubt, ""))
  paste0(" **Do not rely on the ratios of ", plural(nrow(fits), "of these models", "of these models"),
    "**, which are in doubt (", list_words(why), ").")
}

#' The same of an outcome that repeats in a table of one's own.
say_repeated <- function(results, outcome) {
  d <- forgetting_counts(results, outcome)
  if (!nrow(d)) return("")
  again <- if (nrow(d) > 1) paste0(", ", fmt_n(d$events[2]), " had it a second time")
  paste0("The parts above look at the first event of each fact. Here all ", plural(sum(d$events), "event"),
    " count: ", fmt_n(d$events[1]), " of ", plural(d$at_risk[1], history_word(results), history_word(results, 2)),
    " had at least one", again, ", and none more than ", fmt_n(max(as.integer(as.character(d$stratum[d$events > 0])))),
    ". If the columns agree, earlier events do not change what drives the next; where they differ, look at ",
    "the ones that compare like with like (PWP).", say_doubtful_columns(results, outcome))
}

table_forgetting <- function(results, outcome = "forgetting") {
  d <- forgetting_data(results, outcome)
  terms <- unique(as.character(d$term))
  out <- data.frame(Predictor = term_words(d)[match(terms, as.character(d$term))])
  for (kind in unique(d$kind)) {
    own <- d[d$kind == kind, ]
    own <- own[match(terms, as.character(own$term)), ]
    out[[first_upper(kind)]] <- fmt_hr(own$hr, own$lower, own$upper, own$infinite)
  }
  md_table(out, paste0("l", strrep("r", ncol(out) - 1)))
}
