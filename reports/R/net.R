# Gross and net: what happened at least once, and what is left of it at the last checkpoint. Recall comes and goes by
# itself; the withheld facts, which nothing was taught about, are the yardstick of how much.

#' Of each history (a fact in a run) under the primary rule: was the fact recalled at first, at the last checkpoint
#' followed, at any, at any but the last (so that it could be lost), and was it ever lost? No rows where nothing was
#' probed.
recall_histories <- function(transitions, rule) {
  d <- pick(transitions, rule = rule)
  if (!nrow(d)) return(data.frame())
  d <- d[order(d$run, d$fact_id, d$start), ]
  of <- paste(as.integer(factor(d$run)), as.integer(factor(d$fact_id)))
  recalled <- function(state) state %in% c("known", "reacquired")
  end <- ifelse(d$to == "censored", as.character(d$from), as.character(d$to))
  any_of <- function(x) rowsum(as.integer(x), of, reorder = FALSE)[, 1] > 0
  data.frame(d[!duplicated(of), c("run", "fact_id", "split")], before = recalled(d$from)[!duplicated(of)],
    after = recalled(end)[!duplicated(of, fromLast = TRUE)], ever = any_of(recalled(d$from) | recalled(end)),
    followed = any_of(recalled(d$from)), lost = any_of(end == "forgotten"), row.names = NULL)
}

#' Histories at risk of one of a study's outcomes, those to which it happened, and those that are so at the end.
net_of <- function(results, outcome, split = c("trained", "withheld")) {
  h <- results$histories
  if (!nrow(h) || !outcome %in% names(known_outcomes)) return(list(n = 0, happened = 0, kept = 0))
  own <- switch(outcome, acquisition = "trained", generalisation = "withheld", c("trained", "withheld"))
  losing <- outcome == "degradation"
  h <- h[h$before == losing & h$split %in% intersect(own, split), ]
  # Only what is known in another form may be at risk.
  risk <- pick(results$events, rule = results$rule, outcome = outcome)
  if (nrow(risk)) h <- h[!is.na(match_rows(h, risk, c("run", "fact_id"))), ]
  list(n = nrow(h), happened = sum(if (losing) h$lost else h$ever), kept = sum(if (losing) !h$after else h$after))
}

#' What became of the events by the end, and of recall with what went the other way.
say_net <- function(results, outcome) {
  x <- net_of(results, outcome)
  if (!x$n || !x$happened) return("")
  losing <- outcome == "degradation"
  again <- x$happened - x$kept
  at_end <- if (vocabulary$in_a_row > 1) " By the same rule at the end, **" else " At the last checkpoint **"
  paste0(at_end, fmt_n(x$kept), "** of these ", fmt_n(x$happened), if (losing) {
    paste0(" are lost, ", fmt_n(again), if (again == 1) " is" else " are", " recalled again.")
  } else {
    paste0(" are recalled, ", fmt_n(again), if (again == 1) " is" else " are", " lost again.")
  }, if (!losing) say_balance(results, outcome))
}

# Gains and losses of all facts of the outcome's split between the baseline and the last checkpoint.
say_balance <- function(results, outcome) {
  split <- c(acquisition = "trained", generalisation = "withheld")[[outcome]]
  x <- results$histories[results$histories$split == split, ]
  paste0(" Net, ", if (vocabulary$in_a_row > 1) "by that rule, ", "recall of the ", worded(paste(split, "facts")),
    " went from ", share_of(sum(x$before), nrow(x)), " to ", share_of(sum(x$after), nrow(x)), ": ",
    fmt_n(sum(!x$before & x$after)), " gained, ",
    fmt_n(sum(x$before & !x$after)), " lost.")
}

share_of <- function(k, n) paste0(fmt_percent(k / n), " (", fmt_n(k), " of ", fmt_n(n), ")")

#' Events that did not last, and how much of it happens to facts that nothing was taught about. It is said where a tenth
#' of what was ever recalled was lost at least once, or where fewer than seven tenths of an outcome's events lasted.
caveat_flicker <- function(results, lost = 0.1, lasted = 0.7, few = 5) {
  h <- results$histories
  ever <- if (nrow(h)) sum(h$followed) else 0
  gone <- if (nrow(h)) sum(h$lost) else 0
  short <- Filter(nzchar, vapply(results$outcomes, short_lived, "", results = results, lasted = lasted, few = few))
  if (!length(short) && !(ever >= few && gone >= lost * ever)) return("")
  of_facts <- history_word(results) == "fact"
  sentences <- c(if (ever) paste0("of ", plural(ever, history_word(results), history_word(results, 2)),
    if (of_facts) " that were" else " in which a fact was", " recalled and probed again, ", fmt_n(gone), " (",
    fmt_percent(gone / ever, 0), ") ", if (of_facts) "were" else "saw it", " lost at least once"), yardstick(results),
  if (length(short)) list_words(short))
  paste0("**Recall flickers:** ", paste(sentences, collapse = "; "), ".")
}

short_lived <- function(results, outcome, lasted, few) {
  x <- net_of(results, outcome)
  counts <- pick(results$event_counts, outcome = outcome)
  of <- tapply(counts$events, as.character(counts$rule), sum)
  kept <- min(Inf, of[grepl("^sustained", names(of))])
  first <- if ("first" %in% names(of)) of[["first"]] else 0
  parts <- c(
    if (x$happened >= few && x$kept < lasted * x$happened) paste0(fmt_n(x$kept), " lasted to the last checkpoint"),
    if (first >= few && kept < lasted * first) paste0(fmt_n(kept), " by the rule that it must hold")
  )
  if (!length(parts)) return("")
  total <- if (first > 0) first else x$happened
  paste0("of ", fmt_n(total), " events of ", md(outcome), " only ", list_words(parts))
}

#' What recall does to withheld facts by itself.
yardstick <- function(results) {
  gain <- net_of(results, "generalisation")
  loss <- net_of(results, "degradation", "withheld")
  some <- worded("at some checkpoint")
  parts <- c(if (gain$n) paste0(share_of(gain$happened, gain$n), " of those not recalled at first", known_in_words(),
    " were ", some, ", ", share_of(gain$kept, gain$n), " at the end"), if (loss$n) paste0(share_of(loss$happened,
    loss$n), " of those recalled at first were lost ", some, ", ", share_of(loss$kept, loss$n), " at the end"))
  if (length(parts)) paste0("withheld facts, which nothing was taught about, are the yardstick: ", list_words(parts))
}
