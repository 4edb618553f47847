# Facts that are forgotten more than once.

forgetting_words <- c(total = "same number of forgettings before (PWP, time since the start)",
  gap = "same number before (PWP, time since last recalled)")

forgetting_data <- function(results) {
  d <- pick(results$coefficients, rule = results$rule, outcome = "forgetting", model = c("andersen-gill", "pwp"))
  if (!nrow(d)) return(d)
  clock <- sub("^.*/", "", as.character(d$task))
  d$kind <- ifelse(d$model == "andersen-gill", "all alike (Andersen\u2013Gill)", forgetting_words[clock])
  d
}

#' Of the number of each forgetting: facts at risk of it, and forgettings.
forgetting_counts <- function(results) {
  d <- pick(results$transition_counts, rule = results$rule, model = "andersen-gill", to = "event")
  d[order(as.integer(as.character(d$stratum))), ]
}

say_forgetting <- function(results) {
  d <- forgetting_counts(results)
  if (!nrow(d)) return("")
  again <- sum(d$events[-1])
  paste0("Counting every fact once in each run, ", fmt_n(d$events[1]), " of ", fmt_n(d$at_risk[1]),
    " that were known at some time were forgotten at least once. ",
    if (nrow(d) > 1) paste0(fmt_n(d$at_risk[2]), " of them came back, and ", fmt_n(d$events[2]), " of these were ",
      "forgotten a second time (", plural(sum(d$events), "forgetting"), " in all). ") else "None came back. ",
    if (!again) "With no repetition, the three models below are all about the first loss." else paste0(
      "If the columns agree, a fact\u2019s history does not change what drives its loss; where they differ, look at ",
      "the ones that compare like with like (PWP)."))
}

table_forgetting <- function(results) {
  d <- forgetting_data(results)
  terms <- unique(as.character(d$term))
  out <- data.frame(Predictor = term_words(d)[match(terms, as.character(d$term))])
  for (kind in unique(d$kind)) {
    own <- d[d$kind == kind, ]
    own <- own[match(terms, as.character(own$term)), ]
    out[[first_upper(kind)]] <- fmt_hr(own$hr, own$lower, own$upper, own$infinite)
  }
  md_table(out, paste0("l", strrep("r", ncol(out) - 1)))
}
