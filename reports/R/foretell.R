# How much the margin at one probe foretells the event by the next: a predictive model, not a causal one.

foretold <- function(results, outcome) {
  d <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = "cox-history")
  d[as.character(d$term) == "margin_now", , drop = FALSE]
}

say_foretell <- function(results, outcome) {
  x <- foretold(results, outcome)
  fit <- fit_of(results, outcome, "cox-history")
  before <- fit_of(results, outcome, "cox")
  losing <- outcome == "degradation"
  if (nzchar(doubt_of(fit))) {
    return(paste0("**Too few events to say** whether the margin foretells ", md(outcome), " (",
      short_doubt(doubt_of(fit)), ")."))
  }
  if (x$infinite %in% TRUE || is.na(x$hr)) {
    return(paste0("The margin separates the facts with the event from the others so completely that its hazard ratio ",
      "has no finite value."))
  }
  inside <- x$lower <= 1 && x$upper >= 1
  paste0("The margin is the smallest lead of the right answer over its best rival (in logits); the answer is recalled ",
    "while it is above 0. Here it is taken at the probe that **begins** each interval, never at the one at which the ",
    "event is seen, where it would say nothing but that the event has happened. A fact whose margin is one standard ",
    "deviation ", if (losing) "smaller" else "larger", " than that of another with the same other predictors is ",
    "about **", if (losing) fmt_interval(1 / x$hr, 1 / x$upper, 1 / x$lower) else
      fmt_interval(x$hr, x$lower, x$upper), "** times as likely ", outcome_words(outcome, "verb"),
    " by the next probe, ", fmt_p(x$p), if (inside)
      "; these data do not settle whether it foretells anything", ". ",
    if (nrow(before) && !nzchar(doubt_of(before)) && is.finite(before$concordance) &&
        is.finite(fit$concordance)) paste0(
      "Of two facts of which one has the event first, the model with the margin names the right one in ",
      fmt_percent(fit$concordance, 0), " of cases, the Cox model of what was known ", worded("before training"), " in ",
      fmt_percent(before$concordance, 0), "."))
}

fmt_interval <- function(x, lower, upper) {
  paste0(fmt_ratio(x), " (95 % interval ", fmt_ratio(lower), " to ", fmt_ratio(upper), ")")
}

table_foretell <- function(results, outcome) {
  d <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = "cox-history")
  before <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = "cox")
  before <- before[match(as.character(d$term), as.character(before$term)), ]
  hr <- function(x) fmt_hr(x$hr, x$lower, x$upper, x$infinite)
  md_table(data.frame(Predictor = term_words(d), "With the margin" = hr(d), p = fmt_p_value(d$p),
    "Without (Cox)" = hr(before), check.names = FALSE), "lrrr")
}
