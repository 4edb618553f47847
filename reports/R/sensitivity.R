# How much the main hazard ratio depends on the event rule and on how ties are handled.

sensitivity_data <- function(results) {
  d <- results$sensitivity
  if (!nrow(d)) return(d)
  d <- sensitivity_rows(d)
  d$outcome <- factor(first_upper(as.character(d$outcome)), first_upper(results$outcomes))
  d[order(d$outcome), ]
}

figure_sensitivity <- function(results) {
  plot_sensitivity(sensitivity_data(results), function(d) paste0(d$outcome, ": ", term_words(d)),
    function(d) wrap(first_upper(rule_words(d$rule)), 26))
}

#' How many events share their time with another, over all outcomes.
say_tied <- function(results) {
  d <- pick(results$events, rule = results$rule)
  d <- d[d$event %in% TRUE, ]
  shared <- vapply(split(d$stop, as.character(d$outcome)), function(stop) sum(stop %in% stop[duplicated(stop)]), 0)
  paste0(fmt_n(sum(shared)), " of ", plural(nrow(d), "event"), " happened at the same time as another of their kind ",
    "(ties).")
}

#' One sentence an outcome: the span of the estimates, and whether any choice changes the answer.
say_sensitivity <- function(results) {
  d <- sensitivity_data(results)
  d <- sound(d[d$method != ties_words[["logit"]], ]) # it answers another question
  if (!nrow(d)) return("Every one of these fits is in doubt, for too few events or a predictor that separates.")
  parts <- vapply(split(d, d$outcome, drop = TRUE), function(x) {
    above <- x$lower > 1
    below <- x$upper < 1
    verdict <- if (all(above) || all(below)) "the interval excludes 1 whatever the choice" else
      if (!any(above) && !any(below)) "the interval includes 1 whatever the choice" else
        paste0("**whether the interval excludes 1 depends on the choice** (it does in ", sum(above | below), " of ",
          nrow(x), ")")
    paste0("For ", md(lower_first(as.character(x$outcome[1]))), " it lies between ", fmt_ratio(min(x$hr)), " and ",
      fmt_ratio(max(x$hr)), " (", fmt_n(min(x$events)), if (min(x$events) < max(x$events)) paste0(" to ",
        fmt_n(max(x$events))), " events); ", verdict, ".")
  }, "")
  paste(parts, collapse = " ")
}

alt_sensitivity <- function(results) {
  d <- sensitivity_data(results)
  paste0("Hazard ratios under each event rule and method for ties. ", paste0(d$outcome, ", ", rule_words(d$rule), ", ",
    d$method, ": ", fmt_hr(d$hr, d$lower, d$upper), ".", collapse = " "))
}

#' The hazard ratio of latent knowledge under other definitions of it.
latent_data <- function(results) {
  d <- pick(results$latent_definitions, rule = results$rule)
  d <- d[!(d$infinite %in% TRUE) & is.finite(d$estimate), , drop = FALSE]
  if (!nrow(d)) return(d)
  d$words <- definition_words(d, as.numeric(study_value(results, c("probe", "temperature"), NA)))
  # The study's own temperature may stand among the others as well.
  d[!duplicated(d[c("outcome", "words")]), , drop = FALSE]
}

figure_latent <- function(results) plot_latent(latent_data(results), function(d) d$words)

say_latent <- function(results) {
  d <- sound(latent_data(results))
  if (!nrow(d)) return("Every one of these fits is in doubt, for too few events or a predictor that separates.")
  parts <- vapply(split(d, factor(d$outcome, unique(d$outcome))), function(x) {
    graded <- x[x$definition == "graded", ]
    x <- x[x$definition != "graded", ]
    away <- x$lower > 1 | x$upper < 1
    share <- range(x$share, na.rm = TRUE)
    paste0("For ", md(x$outcome[1]), " the share of facts called latent goes from ", fmt_percent(share[1], 0), " to ",
      fmt_percent(share[2], 0), " and their hazard ratio from ", fmt_ratio(min(x$hr)), " to ", fmt_ratio(max(x$hr)),
      "; ",
      if (all(away)) "the interval excludes 1 under every definition" else
        if (!any(away)) "the interval includes 1 under every definition" else
          paste0("**whether the interval excludes 1 depends on the definition** (it does in ", sum(away), " of ",
        nrow(x), ")"), if (nrow(graded)) paste0(". Graded, a standard deviation of the log probability has a ratio of ",
        fmt_hr(graded$hr, graded$lower, graded$upper)), ".")
  }, "")
  paste(parts, collapse = " ")
}

alt_latent <- function(results) {
  d <- latent_data(results)
  paste0("Hazard ratios of latent knowledge under each definition. ", paste0(first_upper(as.character(d$outcome)), ", ",
    d$words, ": ", fmt_hr(d$hr, d$lower, d$upper), ".", collapse = " "))
}
