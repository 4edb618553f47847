# Cumulative incidence with the numbers at risk under it.

curves_of <- function(results, outcome, by) {
  d <- pick(results$curves, outcome = outcome, rule = results$rule, model = "km", by = by)
  if (!nrow(d)) return(d)
  d$stratum <- factor(stratum_words(d$by, d$stratum), unique(stratum_words(by, level_order(d$stratum))))
  d$stratum <- droplevels(d$stratum)
  d
}

#' The columns that split an outcome's curves, its own question first.
splits_of <- function(results, outcome) {
  by <- level_order(pick(results$curves, outcome = outcome, rule = results$rule, model = "km")$by)
  by <- unique(c(intersect(main_term(results, outcome), by), by))
  if (any(nzchar(by))) by[nzchar(by)] else by # the curve of all facts together only where nothing splits it
}

#' The first of them; "" where nothing was drawn.
main_split <- function(results, outcome) c(splits_of(results, outcome), "")[1]

#' Shares that had the event by the end of follow-up, one row per stratum.
final_incidence <- function(results, outcome, by) {
  d <- curves_of(results, outcome, by)
  if (!nrow(d)) return(d)
  do.call(rbind, lapply(split(d, d$stratum, drop = TRUE), function(x) {
    start <- x[which.min(x$time), ]
    end <- x[which.max(x$time), ]
    data.frame(stratum = as.character(end$stratum), n = if (late_entry(results, outcome)) NA else start$n_risk,
        events = sum(x$n_event),
        incidence = end$incidence,
      lower = end$incidence_lower, upper = end$incidence_upper)
  }))
}

#' Where facts enter late, those at risk at first are not all.
late_entry <- function(results, outcome) {
  d <- pick(results$events, outcome = outcome, rule = results$rule)
  first <- tapply(d$start, paste(as.integer(factor(d$run)), as.integer(factor(d$fact_id))), min)
  length(first) > 0 && any(first > min(first))
}

follow_up <- function(results, outcome) max(c(1, pick(results$events, outcome = outcome, rule = results$rule)$stop))

figure_incidence <- function(results, outcome, by) {
  of <- function(table, ...) pick(results[[table]], outcome = outcome, rule = results$rule, by = by, ...)
  plot_incidence(list(curves = of("curves", model = "km"), risk_table = of("risk_table")), by, words = stratum_words,
    time = time_word(results$time), counted = history_word(results, 2), end = follow_up(results, outcome))
}

cap_incidence <- function(outcome, by) {
  paste0("Cumulative incidence of ", md(outcome), " by ", md(by_words(by)), ", with 95 % bands; below, how many are ",
    "at risk.")
}

alt_incidence <- function(results, outcome, by) {
  e <- final_incidence(results, outcome, by)
  paste0("Step curves of the cumulative incidence of ", outcome, " by ", by_words(by), ", with numbers at risk. By ",
    time_word(results$time), " ", fmt_time(follow_up(results, outcome)), ": ",
    list_words(paste(e$stratum, fmt_percent(e$incidence))), ".")
}
