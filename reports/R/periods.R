# A hazard ratio that changes with time is not told as one number: the periods are named.

#' Does the test of proportional hazards, corrected for their number, speak against one ratio for the whole time?
changes_with_time <- function(results, outcome, term) {
  terms <- as.character(changing_terms(results, outcome)$term)
  any(c(as.character(term), column_of(term)) %in% terms) # a factor's levels are tested together
}

#' The term's hazard ratios by period, as far as they could be estimated.
ratios_by_period <- function(results, outcome, term) {
  d <- pick(results$zph_periods, outcome = outcome, rule = results$rule, model = "cox", term = as.character(term))
  d <- d[is.finite(d$hr) & is.finite(d$lower) & is.finite(d$upper), , drop = FALSE]
  d[order(d$period), ]
}

#' "was about 2.6 times as likely to be learned as another", for the whole time or period by period.
say_times <- function(results, outcome, x, who) {
  likely <- function(hr) paste(times_words(hr), "as likely")
  verb <- outcome_words(outcome, "verb")
  inside <- x$lower <= 1 && x$upper >= 1
  settled <- if (inside) paste0("; but the interval includes 1, so these data do not settle whether there is a ",
    "difference: anything from ", times_words(x$lower, ""), " to ", times_words(x$upper, ""), " as likely fits them")
  if (!changes_with_time(results, outcome, x$term)) {
    return(paste0("in any one ", md(time_word(results$time)), ", among facts that had not had the event yet, ", who[1],
      " was ", likely(x$hr), " ", verb, " as ", who[2], settled, "."))
  }
  d <- ratios_by_period(results, outcome, x$term)
  instead <- paste0(say_frailty_instead(results, outcome, x$term), say_hangs(results, outcome, x$term, "zph"))
  if (nrow(d) < 2) {
    return(paste0("this ratio changes with time, and the single value is an average over the whole time; there are ",
      "too few events to say how large it is in each period.", instead))
  }
  each <- paste0(times_words(d$hr), c(paste0(" as likely ", verb), rep("", nrow(d) - 1)), " in ",
    md(period_words(results, d)), " (", fmt_ratio(d$lower), " to ", fmt_ratio(d$upper), ")")
  paste0("this ratio changes with time, and the single value is an average. Among facts that had not had the event ",
    "yet, ", who[1], " was, compared with ", who[2], ", ", list_words(each), ".", instead)
}
