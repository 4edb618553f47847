# Fits that the program itself doubts (the column `doubt` of the tables, by the one rule of stats/R/doubt.R): none of
# their numbers is a headline, or stands in a sentence. In tables they stay, with their reason in a callout.

#' Why each row of a table is in doubt; "" where it is not, and in results from before there was such a column.
doubt_of <- function(d) {
  said <- if (is.null(d$doubt)) rep("", nrow(d)) else as.character(d$doubt)
  ifelse(is.na(said), "", said)
}

#' The rows that are in no doubt.
sound <- function(d) d[!nzchar(doubt_of(d)), , drop = FALSE]

#' Is the fit of a model there (or one of several), and in doubt?
doubted <- function(results, outcome, model, rule = results$rule) {
  any(nzchar(doubt_of(pick(results$fits, outcome = outcome, rule = rule, model = model))))
}

#' A doubt without what only the callouts need: which rows have no event, and what stands beside.
short_doubt <- function(doubt) {
  parts <- unlist(strsplit(as.character(doubt), "; ", fixed = TRUE))
  parts <- sub(": estimates are unstable below 5 events per coefficient", "", sub("\\. The penalised.*$", "", parts))
  list_words(md(trimws(sub(" \\(no event among.*$", "", parts))))
}

#' The first of some models with an estimate that can be relied on; NULL where none has.
#' @param find function of a model's name: one row of `coefficients`, or none.
#' @return A list: `row`, `fit`, `model`.
headline_of <- function(results, outcome, models, find) {
  for (model in models) {
    x <- utils::head(find(model), 1)
    fit <- fit_of(results, outcome, model)
    usable <- nrow(x) && estimated(fit) && !nzchar(doubt_of(fit)) && !x$infinite %in% TRUE &&
      all(is.finite(c(x$hr, x$lower, x$upper)))
    if (usable) return(list(row = x, fit = fit, model = model))
  }
  NULL
}

#' What a fit in doubt leaves to say: the penalised estimate, under its name, or that there is too little to say.
say_penalised <- function(best) {
  paste0("a Cox model with Firth\u2019s penalty, which is made for few events, keeps every ratio finite and pulls it ",
    "towards 1, gives ", say_penalised_ratio(best))
}

say_penalised_ratio <- function(best) {
  paste0("**", fmt_ratio(best$row$hr), " (95 % interval ", fmt_ratio(best$row$lower), " to ",
    fmt_ratio(best$row$upper), ")**, ", fmt_p(best$row$p))
}

#' The doubtful fits of an outcome, each named once, with its reason.
caveat_doubt <- function(results, outcome) {
  fits <- pick(results$fits, outcome = outcome, rule = results$rule)
  fits <- fits[nzchar(doubt_of(fits)) & as.character(fits$status) %in% c("ok", "warning"), , drop = FALSE]
  said <- if (nrow(fits)) {
    why <- vapply(doubt_of(fits), short_doubt, "")
    names <- unname(model_words[as.character(fits$model)])
    vapply(split(names, factor(why, unique(why))), function(x) list_words(unique(x)), "")
  }
  steps <- pick(results$transition_coefficients, outcome = outcome, rule = results$rule)
  steps <- steps[nzchar(doubt_of(steps)), , drop = FALSE]
  if (nrow(steps)) {
    why <- vapply(doubt_of(steps), short_doubt, "")
    step <- paste(lower_first(transition_words(steps)), "by rate")
    step[as.character(steps$method) == "subdistribution"] <- sub("rate$", "share",
      step[as.character(steps$method) == "subdistribution"])
    said <- c(said, vapply(split(md(step), factor(why, unique(why))), function(x) list_words(unique(x)), ""))
  }
  if (!length(said)) return("")
  paste0("**In doubt (", md(outcome), "), and in no sentence here:** ",
    paste0(said, " (", names(said), ")", collapse = "; "), ".")
}
