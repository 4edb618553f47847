# How much the main hazard ratio depends on the event rule and on how ties are handled.

ties_words <- c(efron = "Efron", breslow = "Breslow", cloglog = "grouped time (cloglog)",
  logit = "odds ratio (discrete logistic)")

sensitivity_data <- function(results) {
  d <- results$sensitivity
  if (!nrow(d)) return(d)
  d <- d[!(d$infinite %in% TRUE) & is.finite(d$estimate), ]
  # Of a factor with several levels the first contrast stands for all.
  first <- !duplicated(d[c("outcome", "rule", "method")])
  d <- d[first, ]
  d$method <- factor(ties_words[as.character(d$method)], rev(ties_words))
  d$outcome <- factor(first_upper(as.character(d$outcome)), first_upper(results$outcomes))
  d[order(d$outcome), ]
}

plot_sensitivity <- function(results) {
  d <- sensitivity_data(results)
  d$panel <- paste0(d$outcome, ": ", term_words(d))
  d$panel <- factor(d$panel, unique(d$panel))
  rules <- level_order(d$rule)
  d$row <- factor(wrap(first_upper(rule_words(d$rule)), 26), rev(wrap(first_upper(rule_words(rules)), 26)))
  span <- ratio_span(d$hr, d$lower, d$upper)
  looks <- function(values) stats::setNames(values, rev(ties_words))
  ggplot2::ggplot(within_span(d, span), ggplot2::aes(hr, row, colour = method, shape = method)) +
    ratio_marks(span, ggplot2::position_dodge(width = 0.7)) +
    ggplot2::facet_wrap(~panel, ncol = 1) +
    ggplot2::scale_colour_manual(values = looks(rev(palette_okabe[c(1:3, 7)])), name = NULL,
      guide = ggplot2::guide_legend(reverse = TRUE)) +
    ggplot2::scale_shape_manual(values = looks(c(4, 15, 17, 16)), name = NULL,
      guide = ggplot2::guide_legend(reverse = TRUE)) +
    ggplot2::labs(x = "Hazard ratio (log scale), 95 % interval", y = NULL) + theme_report()
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
  own <- as.numeric(study_value(results, c("probe", "temperature"), NA))
  at <- fmt_time(ifelse(is.na(d$temperature), own, d$temperature))
  d$words <- ifelse(d$definition == "drawn", "as drawn in this study",
    ifelse(d$definition == "graded", "graded: log probability, per SD",
      paste0("chance at least half, K = ", d$samples, ", temperature ", at)))
  # The study's own temperature may stand among the others as well.
  d[!duplicated(d[c("outcome", "words")]), , drop = FALSE]
}

plot_latent <- function(results) {
  d <- latent_data(results)
  d$panel <- first_upper(as.character(d$outcome))
  d$panel <- factor(d$panel, unique(d$panel))
  order <- order(match(d$definition, c("drawn", "half", "graded")), !is.na(d$temperature), d$temperature, d$samples)
  d$row <- factor(d$words, rev(unique(d$words[order])))
  d$kind <- factor(ifelse(d$definition == "half", "without the noise of drawing", as.character(d$definition)),
    c("drawn", "without the noise of drawing", "graded"))
  span <- ratio_span(d$hr, d$lower, d$upper)
  looks <- function(values) stats::setNames(values, levels(d$kind))
  ggplot2::ggplot(within_span(d, span), ggplot2::aes(hr, row, colour = kind, shape = kind)) +
    ratio_marks(span) + ggplot2::facet_wrap(~panel, ncol = 1) +
    ggplot2::scale_colour_manual(values = looks(palette_okabe[c(2, 1, 3)]), name = NULL) +
    ggplot2::scale_shape_manual(values = looks(c(18, 16, 15)), name = NULL) +
    ggplot2::labs(x = "Hazard ratio (log scale), 95 % interval", y = NULL) + theme_report()
}

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
