# What an outcome depends on, on the first screen: ratios in words, without a method's name.

#' What it depends on: the main ratio with its interval; where it changes with time, at first and later; and without the
#' luck of a drawn label. A fit in doubt gives way to the one that is made for few events, or to no number.
finding_effect <- function(results, outcome, best) {
  x <- main_effect(results, outcome, doubtful = TRUE)
  if (!nrow(x)) return("")
  whom <- compared(x)
  if (is.null(best)) {
    return(paste0("Too few events to say what ", md(lower_first(predictor_words(x$term))), " does to it."))
  }
  x <- best$row
  verb <- outcome_words(outcome, "verb")
  if (x$lower <= 1 && x$upper >= 1) {
    return(paste0("Whether ", md(whom[1]), " is likelier ", verb, " than ", md(whom[2]), " is not settled."))
  }
  if (best$model != "cox") {
    return(paste0(first_upper(md(whom[1])), " was", if (x$hr < 1) " less likely " else " likelier ", verb, " than ",
      md(whom[2]), ", as far as so few events can say.", instead_words(results, outcome, x)))
  }
  changes <- changes_with_time(results, outcome, x$term)
  d <- if (changes) ends_of_time(ratios_by_period(results, outcome, x$term))
  third <- paste(c("first", "middle", "last")[d$period], "third")
  paste0(first_upper(md(whom[1])), " was ", if (NROW(d)) {
    paste0("in the ", third[1], " of the events ", ratio_words(d[1, ]), " as likely ", verb, " as ", md(whom[2]),
      ", in the ", third[2], " ", if (d$shown[2]) paste0("**", times_words(d$hr[2], ""), "**") else
        "no difference is shown")
  } else {
    paste0(ratio_words(x), " as likely ", verb, " as ", md(whom[2]), if (changes) " on average, not at every time")
  }, undrawn_words(results, outcome, x), ".", instead_words(results, outcome, x))
}

#' The ratios of the first and the last third, the one before that is told with its interval: the first if a difference
#' is shown there, else the last; none where a difference is shown in neither, or where one of them says no size: its
#' interval spans more than a factor of `wide`, as where hardly anybody of one side is at risk any more.
ends_of_time <- function(d, wide = 100) {
  if (NROW(d) < 2) return(NULL)
  d <- d[c(1, nrow(d)), ]
  if (any(d$upper > wide * d$lower)) return(NULL)
  d$shown <- d$lower > 1 | d$upper < 1
  if (any(d$shown)) d[order(!d$shown), ]
}

#' The ratio that the sentence tells first, which is the one to draw: where it changes with time, that of one end.
told_ratio <- function(results, outcome, best) {
  x <- best$row
  changing <- best$model == "cox" && (x$lower > 1 || x$upper < 1) && changes_with_time(results, outcome, x$term)
  d <- if (changing) ends_of_time(ratios_by_period(results, outcome, x$term))
  if (NROW(d)) d[1, ] else x
}

# What else could explain it, and what it hangs on: the section has both in full.
instead_words <- function(results, outcome, x) {
  paste0(if (nzchar(say_frailty_instead(results, outcome, x$term))) {
    " It need not be the effect that changes: facts that differ in other ways would do the same."
  }, if (nzchar(say_hangs(results, outcome, x$term))) " Without the few facts that move it most, this is not settled.")
}

ratio_words <- function(x) {
  paste0("**", times_words(x$hr, ""), "** (", fmt_ratio(x$lower), " to ", fmt_ratio(x$upper), ")")
}

undrawn_words <- function(results, outcome, x) {
  d <- if (vocabulary$probed && x$term == "latent") undrawn(results, outcome) else data.frame()
  if (nrow(d)) paste0("; without the luck of drawing that label **", times_words(d$hr, ""), "**")
}

#' The first comparison of recipes; the others are in their section.
finding_of_arms <- function(results, d) {
  x <- d[1, ]
  paste0("::: {.finding}\n", pictures(if (is.finite(x$hr)) interval_bar(x, as.character(x$outcome))),
    "\n\n**[Recipes.](#arms)** ", arm_words(results, x), "\n:::")
}

arm_words <- function(results, x) {
  outcome <- as.character(x$outcome)
  arm <- md(as.character(x$arm))
  verb <- outcome_words(outcome, "verb")
  usable <- !nzchar(doubt_of(fit_of(results, outcome, "arms"))) && is.finite(x$hr) && !x$infinite %in% TRUE
  if (!usable) return(paste0("Too few events to say how ", arm, " compares in ", md(outcome), "."))
  if (x$lower <= 1 && x$upper >= 1) {
    return(paste0("Whether a fact is likelier ", verb, " with ", arm, " is not settled."))
  }
  paste0("With ", arm, " a fact was ", ratio_words(x), " as likely ", verb, " as with ", md(as.character(x$reference)),
    if (arm_changes(results, outcome, x)) ", averaged over the whole time", ".")
}
