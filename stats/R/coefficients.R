# Rows of the table `coefficients`. Intervals and p-values use the robust standard error where there is one.
# A coefficient without a finite maximum keeps its row and loses its numbers: what R prints there is where its
# iterations stopped.
coefficient_rows <- function(terms, estimate, se, se_robust = NULL, conf = 0.95) {
  estimate <- unname(estimate[terms$coefficient])
  se <- unname(se[terms$coefficient])
  robust <- if (is.null(se_robust)) rep(NA_real_, nrow(terms)) else unname(se_robust[terms$coefficient])
  infinite <- is_infinite(estimate, se, terms$range)
  estimate[infinite] <- se[infinite] <- robust[infinite] <- NA_real_
  used <- if (is.null(se_robust)) se else robust
  half <- stats::qnorm(1 - (1 - conf) / 2) * used
  z <- estimate / used
  list2DF(list(
    term = terms$term, label = terms$label, unit = terms$unit, estimate = estimate, se = se, se_robust = robust,
    hr = exp(estimate), lower = exp(estimate - half), upper = exp(estimate + half), z = z,
    p = 2 * stats::pnorm(-abs(z)), infinite = infinite
  ))
}

# A separated coefficient runs away until the likelihood stops growing: a hazard ratio of more than e^5 over the range
# of its covariate, with a standard error many times its size, or of zero where the information matrix is singular to
# R (coxme; its p would be 0). The model-based standard error shows it; the robust one does not. Where several
# coefficients run away together, the likelihood can stop growing while one of them is still small: a standard error of
# more than 100 over the range is no estimate either.
is_infinite <- function(estimate, se, range) {
  infinite <- abs(estimate) * range > 5 & (se > 5 * abs(estimate) | se == 0)
  infinite <- !is.na(infinite) & infinite
  infinite | (any(infinite) & !is.na(se) & se * range > 100)
}

# Levels in which nothing happened: known before any fit, and the usual cause of separation.
eventless_levels <- function(data, terms) {
  said <- lapply(unique(terms$column[nzchar(terms$level)]), function(column) {
    value <- factor(data[[column]])
    events <- tapply(data$event, value, sum)
    none <- names(events)[events == 0]
    reference <- terms$reference[terms$column == column][[1L]]
    words <- sprintf("no event among the %d rows with %s = %s", as.integer(table(value)[none]), column, none)
    words[none == reference] <- paste0(words[none == reference], " (the reference level: choose another one)")
    words
  })
  as.character(unlist(said))
}

# What to say about coefficients without a finite value.
separation_remarks <- function(data, terms, infinite) {
  if (!any(infinite)) return(character())
  paste0(
    "separation: the hazard ratio of ", toString(terms$term[infinite]), " has no finite estimate",
    paste0(" (", eventless_levels(data, terms), ")", recycle0 = TRUE, collapse = ""),
    ". The penalised (Firth) model beside it has a finite one"
  )
}

# Fewer than five events per coefficient is too few for the usual approximations
# (Vittinghoff and McCulloch 2007, American Journal of Epidemiology 165:710).
few_events_remark <- function(events, coefficients) {
  if (coefficients == 0L || events / coefficients >= 5) return(character())
  sprintf("%d events for %d coefficients: estimates are unstable below 5 events per coefficient", events, coefficients)
}
