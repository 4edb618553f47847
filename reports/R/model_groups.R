# The ranked random effects of a named model.

model_groups <- function(results, task) named_effects(results, of_model(results, "random_effects", task), 10)

figure_model_groups <- function(results, task) {
  d <- model_groups(results, task)
  plot_caterpillar(d, predictor_words(d$grouping), interval_of(results, task))
}

alt_model_groups <- function(results, task) {
  d <- model_groups(results, task)
  each <- split(d, factor(d$grouping, unique(d$grouping)))
  paste(vapply(each, function(x) {
    alt_ends(x, x$name, paste("Random effects of", lower_first(predictor_words(x$grouping[1]))),
      interval_of(results, task))
  }, ""), collapse = " ")
}
