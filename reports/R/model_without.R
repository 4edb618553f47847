# A named model without and with some of its parts: do these stand between a predictor and the event?

#' Which hazard ratios change as those parts join the model.
say_model_without <- function(results, task) {
  d <- of_model(results, "mediation", task)
  d <- d[as.character(d$step) == "with", ]
  joins <- md(lower_first(predictor_words(strsplit(as.character(d$covariates[1]), ", ", fixed = TRUE)[[1]])))
  moved <- d[!is.na(d$change) & (d$change_lower > 0 | d$change_upper < 0), ]
  words <- paste0(md(lower_first(predictor_words(moved$term))), " (", md(as.character(moved$unit)), ": by a factor of ",
    fmt_hr(exp(moved$change), exp(moved$change_lower), exp(moved$change_upper)), ")")
  paste0("As ", list_words(joins), " joins the model, ", if (nrow(moved)) paste("the hazard ratio changes of",
    list_words(words)) else "no hazard ratio is shown to change", ". A ratio that comes nearer to 1 may act by way of ",
    "it, or only go along with it.")
}

table_model_without <- function(results, task) {
  d <- of_model(results, "mediation", task)
  step <- as.character(d$step)
  before <- d[step == "without", ]
  after <- d[step == "with", ]
  factor <- fmt_hr(exp(after$change), exp(after$change_lower), exp(after$change_upper))
  md_table(with_interval(data.frame(Predictor = predictor_words(after$term), Compared = as.character(after$unit),
    Without = fmt_hr(before$hr, before$lower, before$upper), With = fmt_hr(after$hr, after$lower, after$upper),
    "Change (95 % interval)" = factor, p = fmt_p_value(after$p), check.names = FALSE), results, task), "llrrrr")
}
