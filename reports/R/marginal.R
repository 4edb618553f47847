# Hazard ratios within groups and over all groups mixed.

#' The rows of the standard models with random effects; of the main predictor only, or of all.
marginal_rows <- function(results, outcome, all = FALSE) {
  d <- pick(results$marginal, outcome = outcome, rule = results$rule, model = c("coxme", "frailty-gamma"))
  if (all) d else d[column_of(d$term) == main_term(results, outcome), , drop = FALSE]
}

#' What the two columns are, in plain words, and how the second one was found.
say_marginal <- function(d) {
  by <- tapply(as.character(d$method), ifelse(is.na(d$time), "over the whole follow-up", "at single times"), unique)
  paste0("Two ratios answer two questions. *Within a group* compares two facts of the same group. *Over all groups* ",
    "compares facts drawn from all of them; it tends to lie nearer to 1, the more the groups differ. With a gamma ",
    "frailty it also changes with time: the fast groups are done first. Use the first one for a given group, the ",
    "second one for facts whose group is not known. It is found, ",
    list_words(rev(sprintf("%s, by the %s", names(by), vapply(by, list_words, "")))), ".")
}

table_marginal <- function(results, d) {
  when <- ifelse(is.na(d$time), "whole follow-up", paste0(time_word(results$time), "\u00a0", fmt_time(d$time)))
  effects <- unname(c(coxme = "normal", "frailty-gamma" = "gamma")[as.character(d$model)])
  shown <- data.frame(Predictor = predictor_words(d$term), Compared = as.character(d$unit), "Random effects" = effects,
    "Within a group" = fmt_hr(d$hr, d$lower, d$upper), "Over all groups" = fmt_hr(d$marginal_hr, d$marginal_lower,
      d$marginal_upper), When = when, check.names = FALSE)
  if (anyNA(effects)) shown$"Random effects" <- NULL # a model of the plan says above which ones it has
  md_table(shown, paste0(strrep("l", ncol(shown) - 3L), "rrl"))
}
