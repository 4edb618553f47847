# What the model knew, what it recalled, and when something happened: figures and their tables.

figure_knowledge <- function(results) plot_knowledge(results$baseline, results$facts)

alt_knowledge <- function(results) {
  d <- knowledge_by_relation(results$baseline, results$facts)
  known <- d[d$knowledge == "known", ]
  known <- known[order(-known$share), ]
  paste0("Stacked bars, one per relation: share of facts known, latent and unknown before training. Known: ",
    list_words(paste(known$relation, fmt_percent(known$share, 0))), ".")
}

figure_recall <- function(results) plot_recall(results$recall, probe_axis(results), worded)

#' First and last recall of each arm and split, pooled over runs.
recall_ends <- function(results) {
  d <- stats::aggregate(cbind(recalled, facts) ~ arm + split + epoch, results$recall, sum)
  ends <- do.call(rbind, lapply(split(d, list(d$arm, d$split), drop = TRUE), function(x) {
    x <- x[order(x$epoch), ]
    a <- x[1, ]
    b <- x[nrow(x), ]
    data.frame(arm = as.character(a$arm), split = as.character(a$split), from = a$epoch, to = b$epoch, facts = a$facts,
      before = a$recalled, after = b$recalled, share_before = a$recalled / a$facts, share_after = b$recalled / b$facts)
  }))
  row.names(ends) <- NULL
  ends
}

alt_recall <- function(results) {
  e <- recall_ends(results)
  paste0("Curves of the share of facts recalled by epoch. ", paste0(first_upper(e$split), " facts, ", e$arm, ": from ",
    fmt_percent(e$share_before), " to ", fmt_percent(e$share_after), ".", collapse = " "))
}

#' Events per time point under the primary rule, by outcome and arm.
events_per_time <- function(results) events_by_time(pick(results$events, rule = results$rule))

figure_events <- function(results) {
  plot_events(pick(results$events, rule = results$rule), time = time_word(results$time),
    arms = level_order(results$event_counts$arm), outcomes = results$outcomes, wording = worded)
}

cap_events <- function(results) {
  d <- events_per_time(results)
  step <- event_step(d)
  regular <- all(abs(diff(sort(unique(d$stop))) / step - 1) < 1e-6) # else a bar stands for a probe, not for a span
  per <- if (!regular) paste("at each", md(time_word(results$time))) else paste("per",
    if (step == 1) md(time_word(results$time)) else paste(fmt_time(step), md(time_word(results$time, 2))))
  paste0("Events ", per, ", summed over runs (rule: ", md(rule_words(results$rule)), ").")
}

alt_events <- function(results) {
  d <- events_per_time(results)
  total <- stats::aggregate(n ~ outcome, d, sum)
  peak <- vapply(as.character(total$outcome), function(o) {
    t <- stats::aggregate(n ~ stop, d[d$outcome == o, ], sum)
    t$stop[which.max(t$n)]
  }, 0)
  paste0("Bars of events per ", time_word(results$time), ". ", paste0(first_upper(as.character(total$outcome)), ": ",
    plural(total$n, "event"), ", most at ", time_word(results$time), " ", fmt_time(peak), ".", collapse = " "))
}
