# Hazard ratios: the forest, the Schoenfeld figure, the ranked groups.

term_words <- function(d, joiner = ", ") {
  unit <- ifelse(is.na(d$unit), "", as.character(d$unit))
  ifelse(unit == "", predictor_words(d$term), paste0(predictor_words(d$term), joiner, unit))
}

#' Univariable and multivariable hazard ratios of an outcome, in the order of the multivariable model.
forest_data <- function(results, outcome) {
  d <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = names(forest_kinds))
  if (!nrow(d)) return(d)
  d$kind <- factor(forest_kinds[as.character(d$model)], intersect(forest_kinds, forest_kinds[as.character(d$model)]))
  terms <- unique(c(as.character(d$term[d$model == "cox"]), as.character(d$term)))
  # One line a term, also where models scale it by the spread of different rows.
  adjusted <- d[order(d$model != "cox"), ]
  unit <- adjusted$unit[match(as.character(d$term), as.character(adjusted$term))]
  words <- paste0(wrap(apart(predictor_words(d$term), column_of(d$term)), 26), "\n", unit)
  d$shown <- factor(words, rev(unique(words[order(match(as.character(d$term), terms))])))
  d[!(d$infinite %in% TRUE) & is.finite(d$estimate), , drop = FALSE]
}

figure_forest <- function(results, outcome) plot_forest(forest_data(results, outcome))

cap_forest <- function(results, outcome) {
  d <- forest_data(results, outcome)
  drawn <- within_span(d, ratio_span(d$hr, d$lower, d$upper))
  cut <- any(is.finite(c(drawn$goes_down, drawn$goes_up)))
  paste0("Hazard ratios of ", md(outcome), " with 95 % intervals. Right of 1 the event comes earlier.", if (cut)
    " An arrow: it goes on beyond the axis.")
}

alt_forest <- function(results, outcome) {
  d <- forest_data(results, outcome)
  paste0("Forest plot of hazard ratios for ", outcome, ". ",
    paste0(term_words(d), ", ", d$kind, ": ", fmt_hr(d$hr, d$lower, d$upper), ".", collapse = " "))
}

figure_zph <- function(results, outcome) {
  of <- function(table, ...) pick(results[[table]], outcome = outcome, rule = results$rule, ...)
  cox <- of("coefficients", model = "cox")
  words <- function(terms) {
    at <- match(terms, as.character(cox$term))
    wrap(ifelse(is.na(at), terms, apart(term_words(cox), as.character(cox$term))[at]), 34)
  }
  plot_zph(list(zph_points = of("zph_points"), zph_curves = of("zph_curves"), coefficients = cox), words,
    time_word(results$time))
}

#' For the caption: of very many events the table of points holds 10,000 (docs/tables.md).
say_drawn <- function(results, outcome) {
  points <- pick(results$zph_points, outcome = outcome, rule = results$rule)
  events <- max(0L, results$fits$events[as.character(results$fits$task) %in% as.character(points$task)])
  most <- max(0L, table(paste(points$task, points$term)))
  if (most != 10000L || events <= most) return("")
  paste0(" Drawn are ", fmt_n(most), " of the ", fmt_n(events), " events, evenly spaced in time; curve and test are ",
    "of all.")
}

zph_panels <- function(results, outcome) {
  length(unique(as.character(pick(results$zph_points, outcome = outcome, rule = results$rule)$term)))
}

alt_zph <- function(results, outcome) {
  d <- pick(results$zph_tests, outcome = outcome, rule = results$rule, model = "cox")
  d <- d[as.character(d$term) != "GLOBAL", ]
  paste0("Scaled Schoenfeld residuals over time with a smooth curve and its band, and a dashed line at the Cox ",
    "estimate. ",
    "Test of a constant hazard ratio: ", list_words(paste(predictor_words(d$term), fmt_p(d$p))), ".")
}
