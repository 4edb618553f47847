# What a reader must know before believing a number: decided from the data, most serious first.

caveats <- function(results) {
  all <- c(caveat_doubts(results), vapply(results$outcomes, caveat_events, "", results = results),
    caveat_dropped(results), caveat_hazards(results), caveat_others(results), caveat_seeds(results),
    caveat_runs(results), caveat_failed(results),
    caveat_flicker(results), caveat_latent(results), caveat_checkpoints(results), caveat_missing(results))
  all[nzchar(all)]
}

#' Of all outcomes: which models are in doubt, and why; said once, and in full where somebody asks (`say_doubts`).
caveat_doubts <- function(results) {
  doubts <- doubts_of(results)
  if (!length(doubts)) return("")
  paste0("**Models in doubt:** some of ", md(list_words(names(doubts))), ". None of their numbers is in a sentence ",
    "here[; which models, and why, is folded below]{.on-page}.")
}

doubts_of <- function(results) {
  outcomes <- unique(c(results$outcomes, level_order(results$fits$outcome)))
  said <- vapply(stats::setNames(outcomes, outcomes), caveat_doubt, "", results = results)
  said[nzchar(said)]
}

caveat_events <- function(results, outcome) {
  fit <- fit_of(results, outcome, "cox")
  if (!nrow(fit) || doubted(results, outcome, "cox")) return("") # what is in doubt is said as that
  events <- sum(pick(results$event_counts, outcome = outcome, rule = results$rule)$events)
  terms <- nrow(pick(results$coefficients, outcome = outcome, rule = results$rule, model = "cox"))
  if (events >= max(20, 10 * terms)) return("")
  if (!events) return(paste0("**No event of ", md(outcome), "** was seen: nothing can be said about what drives it."))
  paste0("**Few events:** ", md(outcome), " rests on ", plural(events, "event"),
      if (terms) paste0(" for ", plural(terms, "predictor")),
    "; its hazard ratios are rough, and single facts can move them.", if (nrow(pick(results$coefficients,
      outcome = outcome, rule = results$rule, model = "cox-firth"))) " Penalised (Firth) estimates stand beside them.")
}

#' Models that leave out more than a twentieth of their rows: those with all values may be unlike the others.
caveat_dropped <- function(results, share = 0.05) {
  fits <- pick(results$fits, rule = results$rule, model = "cox")
  fits <- fits[which(fits$dropped > share * (fits$rows + fits$dropped)), ]
  if (!nrow(fits)) return("")
  paste0("**Rows left out:** for missing values the adjusted Cox model goes without ",
    list_words(paste0(fmt_n(fits$dropped), " of ", fmt_n(fits$rows + fits$dropped), " rows (", md(fits$outcome), ")")),
    "; what it says holds for rows with every value, and those may be unlike the others.")
}

caveat_hazards <- function(results) {
  bad <- Filter(function(o) {
    any(column_of(changing_terms(results, o)$term) == main_term(results, o))
  }, results$outcomes)
  if (!length(bad)) return("")
  apart <- Filter(function(o) nzchar(say_frailty_instead(results, o, main_term(results, o))), bad)
  paste0("**The main effect changes with time** (", md(list_words(bad)),
      "): one hazard ratio is an average over time, and the tables ",
    "by period below say more.", if (length(apart)) paste0(" For ", md(list_words(apart)),
      " facts that differ beyond their predictors would do the same, without any effect that changes."))
}

#' What is wrong with the model of the other predictors, which are what the main effect is adjusted for.
caveat_others <- function(results) {
  parts <- unlist(lapply(results$outcomes, function(o) {
    if (doubted(results, o, "cox")) return(NULL)
    d <- changing_terms(results, o)
    d <- d[column_of(d$term) != main_term(results, o), ]
    bent <- unique(as.character(form_bent(results, o)$term))
    c(if (nrow(d)) paste0(list_words(unique(lower_first(predictor_words(d$term)))), " (", o, ") changes with time"),
      if (length(bent)) paste0(list_words(lower_first(predictor_words(bent))), " (", o, ") is not a straight line"))
  }))
  if (!length(parts)) return("")
  paste0("**The model of other predictors is too simple:** ", md(paste("the effect of", parts, collapse = "; ")),
    ". The sections on them have the remedy beside the original; compare what becomes of the main effect there.")
}

caveat_seeds <- function(results) {
  n <- length(setdiff(results$events$seed, NA)) # a table of someone else's may not say
  if (n != 1) return("")
  if (vocabulary$series && length(level_order(results$series$arm)) == 1) {
    return("**One training:** every interval says how far the result could move with other facts, not another model.")
  }
  "**One seed:** every interval says how far the result could move with other facts, not with another training run."
}

caveat_runs <- function(results) {
  fits <- pick(results$fits, rule = results$rule, model = "cox")
  shared <- nrow(fits) && any(fits$runs > 1, na.rm = TRUE)
  robust <- pick(results$coefficients, rule = results$rule, model = "cox")$se_robust
  if (!shared || !length(robust) || any(!is.na(robust))) return("")
  paste("**Repeated facts:** the same facts occur in several runs, and the intervals of the Cox model treat the rows",
    "as independent; they are likely too narrow.")
}

caveat_failed <- function(results) {
  f <- pick(results$fits, rule = results$rule)
  bad <- f[as.character(f$status) %in% c("failed", "unavailable") | f$converged %in% FALSE & f$status == "warning", ]
  if (!nrow(bad)) return("")
  paste0("**", plural(nrow(bad), "fit"), " missing or doubtful:** ",
      md(list_some(unique(paste0(bad$outcome, " (", bad$model, ")")))),
    "; the reason stands in the place of each.")
}

caveat_latent <- function(results) {
  k <- study_value(results, c("probe", "samples"), NA)
  if (is.na(k) || vocabulary$series) return("")
  paste0("**The latent label is a sample:** it rests on ", fmt_n(k),
      " sampled answers per fact, so a fact with a small chance is labelled ",
    "by luck. That noise usually pulls the hazard ratio towards 1.")
}

caveat_checkpoints <- function(results) {
  seen <- results$recall$epoch
  times <- if (length(seen)) setdiff(seen, min(seen)) else unique(results$events$stop)
  if (length(times) >= 8) return("")
  paste0("**Few checkpoints:** events could be seen at ", plural(length(times), "time"),
      " only, so their times are known to within those steps.")
}

caveat_missing <- function(results) {
  # What the page is rendered with changes no number; it stands at the end and in the footer.
  m <- Filter(function(x) !identical(as.character(x$what), "Quarto"), results$environment$missing)
  if (!length(m)) return("")
  paste0("**Missing on the machine that made this:** ", md(list_words(vapply(m, function(x) as.character(x$what), ""))),
    ". What that costs is listed at the end.")
}
