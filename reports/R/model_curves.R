# Curves, periods and tests of a named model.

#' Log hazard ratios over time or over the values of a predictor, each panel with its two bands.
figure_model_curves <- function(results, task) {
  plot_hazard_curves(of_model(results, "effect_curves", task), function(axis) {
    ifelse(axis == "time", time_word(on_its_clock(results, task)$time, 2), plain_name(axis))
  })
}

#' The ends of every curve in words.
alt_model_curves <- function(results, task) {
  d <- of_model(results, "effect_curves", task)
  paste0("Hazard ratio with its pointwise band and, around it, that of the whole curve. ", paste(vapply(split(d,
    factor(d$term, unique(d$term))), function(x) {
    x <- x[order(x$at), ]
    ends <- x[c(1L, nrow(x)), ]
    paste0(as.character(x$term[1L]), ": ", paste0(fmt_ratio(ends$hr), " (", fmt_ratio(ends$lower), " to ",
      fmt_ratio(ends$upper), ") at ", fmt_time(ends$at), collapse = ", "), ".")
  }, ""), collapse = " "))
}

curve_panels <- function(results, task) length(unique(as.character(of_model(results, "effect_curves", task)$term)))

table_model_periods <- function(results, task) {
  d <- of_model(results, "zph_periods", task)
  own <- of_model(results, "coefficients", task)
  d <- d[!as.character(d$term) %in% as.character(own$term[grepl("part [0-9]+ of the curve", own$unit)]), ]
  d <- d[order(match(d$term, unique(d$term)), d$period), ]
  # Nothing beside the predictor says here which level of a factor it is.
  level <- ifelse(grepl("[*()]", d$term), "", level_of(d$term))
  predictor <- paste0(predictor_words(d$term), ifelse(nzchar(level), paste0(", ", level), ""))
  md_table(with_interval(data.frame(Predictor = once(predictor), Period = period_words(on_its_clock(results, task), d),
    Events = fmt_n(d$events), "Hazard ratio (95 % interval)" = fmt_hr(d$hr, d$lower, d$upper), p = fmt_p_value(d$p),
    check.names = FALSE), results, task), "llrrr")
}

table_model_tests <- function(results, task) {
  d <- of_model(results, "term_tests", task)
  md_table(data.frame("Part of the formula" = predictor_words(d$term), "If there were" = as.character(d$test),
    "Chi-squared" = fmt_number(d$chisq), "Degrees of freedom" = fmt_number(d$df), p = fmt_p_value(d$p),
    check.names = FALSE), "llrrr")
}

#' Whether the hazard ratios of a model are constant, and what to do where not.
say_model_zph <- function(results, task) {
  d <- of_model(results, "zph_tests", task)
  if (!nrow(d)) return("")
  global <- d[as.character(d$term) == "GLOBAL", ]
  failing <- d[as.character(d$term) != "GLOBAL" & d$p < 0.05 & !is.na(d$p), ]
  if (!nrow(failing)) {
    return(paste0("No test shows a hazard ratio that changes with time (all together: ", fmt_p(global$p), "); that is ",
      "not proof that none does."))
  }
  below <- if (periods_wanted(results, task)) ", look at the periods below"
  which <- paste0(md(lower_first(predictor_words(failing$term))), " (", fmt_p(failing$p), ")")
  paste0("The hazard ratio of ", list_words(which), " changes with time: read it as an average", below,
    ", or let it vary (`time_varying` in the study file, for the kind `cox`).")
}

# Periods are shown where the model asked for them, or where a hazard ratio is not constant.
periods_wanted <- function(results, task) {
  d <- of_model(results, "zph_tests", task)
  nrow(of_model(results, "zph_periods", task)) > 0 && (!nrow(d) || any(d$p < 0.05, na.rm = TRUE))
}
