# Hazard ratios within groups and over all groups mixed.

#' What the two columns are, in plain words.
say_marginal <- function() {
  paste("Two ratios answer two questions. *Within a group* compares two facts of the same group. *Over all groups*",
    "compares facts drawn from all of them; it tends to lie nearer to 1, the more the groups differ. With a gamma",
    "frailty it also changes with time: the fast groups are done first. Use the first one for a given group, the",
    "second one for facts whose group is not known.")
}

table_marginal <- function(results, d) {
  when <- ifelse(is.na(d$time), "whole follow-up", paste0(time_word(results$time), "\u00a0", fmt_number(d$time)))
  md_table(data.frame(Predictor = model_term_words(d), Compared = plain_name(d$unit),
    "Within a group" = fmt_hr(d$hr, d$lower, d$upper), "Over all groups" = fmt_hr(d$marginal_hr, d$marginal_lower,
      d$marginal_upper), When = when, "Over all groups by" = as.character(d$method), check.names = FALSE), "llrrll")
}
