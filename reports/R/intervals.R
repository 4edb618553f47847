# Events that are only known to lie between two probes: which models took that into account, and what they say.

#' Whether the grid of probes needed models of its own, in a sentence; the fits decided.
say_grid <- function(results, outcome) {
  fit <- fit_of(results, outcome, "interval")
  if (!nrow(fit)) return("")
  if (as.character(fit$status) == "not needed") {
    return(paste0("The models for sparse or unshared probes were not needed here: ",
      md(sub(":.*$", "", as.character(fit$reason))), "."))
  }
  if (!estimated(fit)) return("")
  words <- strsplit(as.character(fit$messages), " | ", fixed = TRUE)[[1]]
  paste0("Models for sparse or unshared probes were fitted as well (@tbl-", outcome_id(outcome), "-intervals): ",
    md(words[1]), ".")
}

#' What the interval model says of the main predictor, beside Cox and cloglog.
say_intervals <- function(results, outcome) {
  of <- function(model) main_effect(results, outcome, model = model)
  i <- of("interval")
  text <- paste0("An event seen at a probe happened since the probe before. The Cox model dates it at the probe, and ",
    "the grouped-time model puts it into a period that all facts share; the interval-censored model uses only what is ",
    "known, that it happened in between. ")
  if (!nrow(i) || is.na(i$hr)) return(text)
  others <- lapply(c("cox", "cloglog"), of)
  far <- vapply(others, function(x) nrow(x) == 1 && isTRUE(abs(x$estimate - i$estimate) > 0.1 * i$se), NA)
  beside <- paste0(c("Cox ", "cloglog "), vapply(others, function(x) if (nrow(x)) fmt_ratio(x$hr) else "\u2013", ""))
  paste0(text, "For \u201c", md(term_words(i)), "\u201d its hazard ratio is **", fmt_ratio(i$hr), " (95 % interval ",
    fmt_ratio(i$lower), " to ", fmt_ratio(i$upper), ")**, beside ", list_words(beside), ". ",
    if (any(far)) "They differ by more than 10 % of its standard error: with such probes, rely on this one." else
      "They agree within 10 % of its standard error.", " ", say_time_ratio(results, outcome))
}

#' The time ratio of the chosen distribution, and Weibull's hazard ratio if it is that one.
say_time_ratio <- function(results, outcome) {
  d <- chosen_aft(results, outcome)
  d <- utils::head(d[column_of(d$term) == main_term(results, outcome), ], 1)
  if (!nrow(d) || is.na(d$time_ratio)) return("")
  paste0("As a time ratio (", aft_words[as.character(d$distribution)], " times, the best of three by AIC) it takes ",
    times_words(d$time_ratio, ""), " as long (", fmt_ratio(d$lower), " to ", fmt_ratio(d$upper), ").")
}

aft_words <- c(weibull = "Weibull", lognormal = "log-normal", loglogistic = "log-logistic")

aft_of <- function(results, outcome) pick(results$aft, outcome = outcome, rule = results$rule, model = "aft")

chosen_aft <- function(results, outcome) {
  d <- aft_of(results, outcome)
  d[d$chosen %in% TRUE, , drop = FALSE]
}

table_intervals <- function(results, outcome) {
  coefficients <- function(model) {
    pick(results$coefficients, outcome = outcome, rule = results$rule, model = model)
  }
  d <- coefficients("interval")
  at <- function(table) table[match(as.character(d$term), as.character(table$term)), , drop = FALSE]
  hr <- function(x) fmt_hr(x$hr, x$lower, x$upper, x$infinite)
  md_table(data.frame(Predictor = term_words(d), Cox = hr(at(coefficients("cox"))),
    Cloglog = hr(at(coefficients("cloglog"))), "Interval-censored" = hr(d), "p (interval)" = fmt_p_value(d$p),
    check.names = FALSE), "lrrrr")
}

#' Time ratios of the chosen distribution, and Weibull's two readings of one model.
table_time_ratios <- function(results, outcome) {
  d <- chosen_aft(results, outcome)
  weibull <- aft_of(results, outcome)
  weibull <- weibull[weibull$distribution == "weibull", , drop = FALSE]
  weibull <- weibull[match(as.character(d$term), as.character(weibull$term)), , drop = FALSE]
  out <- data.frame(Predictor = term_words(d), chosen = fmt_hr(d$time_ratio, d$lower, d$upper, d$infinite),
    p = fmt_p_value(d$p), weibull = fmt_hr(weibull$time_ratio, weibull$lower, weibull$upper, weibull$infinite),
    hazard = fmt_hr(weibull$hr, weibull$hr_lower, weibull$hr_upper, weibull$infinite))
  names(out)[-(1:3)] <- c("Time ratio (Weibull)", "Hazard ratio (Weibull)")
  names(out)[2] <- paste0("Time ratio (", aft_words[as.character(d$distribution[1])], ")")
  if (d$distribution[1] == "weibull") out <- out[-4]
  md_table(out, paste0("l", strrep("r", ncol(out) - 1)))
}

#' Rows of Turnbull's estimate, split by the outcome's own question where there is such a split.
turnbull_of <- function(results, outcome) {
  d <- pick(results$turnbull, outcome = outcome, rule = results$rule, model = "turnbull")
  if (!nrow(d)) return(d)
  by <- level_order(d$by)
  d <- d[d$by == c(intersect(main_term(results, outcome), by), by)[1], ]
  d$stratum <- factor(stratum_words(d$by, d$stratum), unique(stratum_words(d$by, level_order(d$stratum))))
  d
}

figure_turnbull <- function(results, outcome) {
  plot_turnbull(turnbull_of(results, outcome), function(by, stratum) stratum, time_word(results$time),
    paste0("Cumulative incidence of ", outcome))
}

alt_turnbull <- function(results, outcome) {
  d <- turnbull_of(results, outcome)
  last <- do.call(rbind, lapply(split(d, d$stratum, drop = TRUE), function(x) x[which.max(x$right), ]))
  paste0("Turnbull's cumulative incidence of ", outcome, ", drawn as boxes in which the events may have happened. By ",
    time_word(results$time), " ", fmt_time(max(d$right)), ": ",
    list_words(paste0(last$stratum, " ", fmt_percent(last$incidence), " (", fmt_percent(last$lower), " to ",
      fmt_percent(last$upper), ")")), ".")
}
