# The ranked random effects of a named model.

model_groups <- function(results, task) {
  d <- of_model(results, "random_effects", task)
  ends_of(d[order(match(as.character(d$grouping), unique(as.character(d$grouping))), d$hr), , drop = FALSE])
}

level_words <- function(results, d) {
  ifelse(as.character(d$grouping) == "fact_id", fact_name(results, d$level), plain_name(d$level))
}

plot_model_groups <- function(results, task) {
  d <- model_groups(results, task)
  plot_caterpillar(d, level_words(results, d), interval = interval_of(results, task))
}

alt_model_groups <- function(results, task) {
  d <- model_groups(results, task)
  each <- split(d, factor(d$grouping, unique(d$grouping)))
  paste(vapply(each, function(x) {
    alt_ends(x, level_words(results, x), paste("Random effects of", lower_first(predictor_words(x$grouping[1]))),
      interval_of(results, task))
  }, ""), collapse = " ")
}
