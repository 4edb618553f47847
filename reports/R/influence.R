# What the adjusted Cox model hangs on, in words and in one table.

influence_of <- function(results, outcome, aspect = NULL) {
  d <- pick(results$influence, outcome = outcome, rule = results$rule, aspect = aspect)
  d[order(d$rank), ]
}

#' The main predictor's term in the table of influence, or the first one.
influence_term <- function(results, outcome) {
  terms <- unique(as.character(influence_of(results, outcome, "fact")$term))
  c(terms[column_of(terms) == main_term(results, outcome)], terms)[1]
}

#' A fact by its subject and relation, or by its id where that is all there is.
fact_name <- function(results, id) {
  if (!nrow(results$facts)) return(as.character(id))
  f <- results$facts[match(as.character(id), as.character(results$facts$fact_id)), ]
  ifelse(is.na(f$subject), as.character(id), paste0(f$subject, " (", f$relation, ")"))
}

#' One sentence each for facts, runs, outliers, collinearity and overdispersion.
say_influence <- function(results, outcome) {
  term <- influence_term(results, outcome)
  paste(c(say_dfbeta(results, outcome, term, "fact"), say_dfbeta(results, outcome, term, "run"),
    say_outliers(results, outcome), say_collinearity(results, outcome), say_dispersion(results, outcome, term)),
    collapse = " ")
}

say_dfbeta <- function(results, outcome, term, aspect) {
  d <- influence_of(results, outcome, aspect)
  d <- d[as.character(d$term) %in% term, ]
  x <- utils::head(d, 1)
  if (!nrow(x)) return(character())
  if (aspect == "run" && nrow(d) == 2) return(say_two_runs(results, outcome, term, d))
  cox <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = "cox", term = term)
  if (doubted(results, outcome, "cox")) return(character()) # said where the hazard ratio is
  who <- if (aspect == "fact") paste0("fact, \u201c", md(fact_name(results, x$unit)), "\u201d,") else
    paste0("run, ", md(as.character(x$unit)), ",")
  # Leaving out one of r equal runs moves an estimate by 1 / sqrt(r - 1) of its error in the ordinary course of things.
  far <- if (aspect == "fact") 1 else 2 / sqrt(max(1, nrow(d) - 1))
  much <- if (abs(x$value) > far) " That is more than chance would do: **report it with and without.**" else ""
  paste0("Without the most influential ", who, " the hazard ratio of \u201c", md(contrast_of(results, outcome, term)),
    "\u201d ", if (is.na(x$lower)) "would be about " else "is ", fmt_ratio(x$hr_without),
    if (nrow(cox)) paste0(" instead of ", fmt_ratio(cox$hr[1])),
    " (", fmt_number(abs(x$value), 2), " of its standard error).", much)
}

# Without one of two runs there is the other: each alone, instead of the more influential of them.
say_two_runs <- function(results, outcome, term, d) {
  left <- rev(as.character(d$unit))
  paste0("There are two runs. Fitted on either of them alone, the hazard ratio of \u201c",
    md(contrast_of(results, outcome, term)), "\u201d is ",
    list_words(paste0(fmt_hr(d$hr_without, d$lower, d$upper), " (", md(left), ")")), "; two runs say little about how ",
    "much runs differ.")
}

say_outliers <- function(results, outcome, far = 2.5) {
  d <- influence_of(results, outcome, "outlier")
  d <- d[abs(d$value) > far, ]
  if (!nrow(d)) return("No fact had its event much earlier or later than the model expects.")
  when <- ifelse(d$value > 0, "earlier", "later")
  names <- paste0("\u201c", md(fact_name(results, d$unit)), "\u201d (", when, ")")
  paste0("The model is furthest off for ", list_words(names),
    ": look there for mistakes, or for what is unusual about them.")
}

say_collinearity <- function(results, outcome) {
  d <- influence_of(results, outcome, "collinearity")
  if (!nrow(d)) return(character())
  d <- d[order(-d$value), ]
  top <- paste0(md(lower_first(predictor_words(d$term[1]))), " (variance inflation ", fmt_number(d$value[1], 2), ")")
  if (d$value[1] < 5) return(paste0("The predictors can be told apart: the most entangled is ", top, "."))
  paste0("**The predictors overlap**, most of all ", top, ": their separate hazard ratios are uncertain; leave one ",
    "out.")
}

#' How much wider the robust error is than the one that takes all rows for independent.
say_dispersion <- function(results, outcome, term) {
  d <- influence_of(results, outcome, "overdispersion")
  d <- d[as.character(d$term) %in% term, ]
  if (!nrow(d)) return(character())
  ratio <- d$value[1]
  paste0("Rows of one ", md(sub("_id$", "", as.character(d$unit[1]))), " go together: the robust standard error, ",
    "which the intervals use, is ", fmt_ratio(ratio), " times the one that takes all rows for independent",
    if (ratio > 1.1) ", so count facts, not rows" else if (ratio < 0.9) ", so nothing is lost by counting rows", ".")
}

table_influence <- function(results, outcome) {
  term <- influence_term(results, outcome)
  d <- influence_of(results, outcome)
  d <- d[(d$aspect %in% c("fact", "run") & d$term %in% term) | d$aspect == "outlier", ]
  d <- d[order(match(as.character(d$aspect), c("fact", "run", "outlier")), d$rank), ]
  name <- ifelse(d$aspect == "run", as.character(d$unit), fact_name(results, d$unit))
  what <- c(fact = "Influential fact", run = "Run", outlier = "Outlier")
  md_table(data.frame(What = unname(what[as.character(d$aspect)]),
    Which = name, "Standard errors or deviance" = fmt_signed(d$value), "Hazard ratio without" = fmt_ratio(d$hr_without),
    check.names = FALSE), "llrr")
}

#' The main hazard ratio without each of the most influential facts and without each run.
influence_shown <- function(results, outcome) {
  without_one(influence_of(results, outcome, c("fact", "run")), influence_term(results, outcome))
}

figure_influence <- function(results, outcome) {
  term <- influence_term(results, outcome)
  cox <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = "cox", term = term)
  plot_influence(influence_of(results, outcome, c("fact", "run")), utils::head(cox$hr, 1), term,
    function(unit, aspect) ifelse(aspect == "run", as.character(unit), fact_name(results, unit)))
}

alt_influence <- function(results, outcome) {
  d <- influence_shown(results, outcome)
  name <- ifelse(d$aspect == "run", paste("run", d$unit), fact_name(results, d$unit))
  paste0("The main hazard ratio of ", outcome, " when a fact or run is left out, beside the one with all. Without ",
    list_some(paste0(rev(name), ": ", fmt_ratio(rev(d$hr_without))), 8), ".")
}
