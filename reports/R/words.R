# Values as a reader sees them, beside stats/R/plot_words.R. Every function takes vectors and returns text; a missing
# value is an en dash.

#' Ratios with the digits that they deserve: 0.043, 2.61, 12, 130; and 1.0003, which is not 1. No study of this kind
#' can tell a ratio of a thousand from one of ten thousand.
fmt_ratio <- function(x) {
  if (!length(x)) return(character())
  size <- ifelse(is.na(x), 0, abs(x))
  from_one <- abs(size - 1)
  near <- from_one >= 5e-7 & from_one < 0.005 # nearer is what rounding of the fit leaves
  digits <- ifelse(size < 0.0995, 3, ifelse(size < 9.95, 2, 0))
  digits[near] <- pmin(6, ceiling(-log10(from_one[near])))
  text <- mapply(function(v, d) formatC(v, format = "f", digits = d, big.mark = ","), x, digits)
  text <- ifelse(size < 0.001, "< 0.001", ifelse(size > 1000, "> 1,000", text))
  or_dash(x, as.character(text))
}

#' A number and the ends of its interval, with as many decimals each: -1.10, -1.85, -0.36; three digits of the largest.
fmt_even <- function(x, plus = "") {
  largest <- max(abs(x))
  if (largest == 0) return(rep("0", length(x)))
  decimals <- max(0, 2 - floor(log10(largest)))
  while (decimals > 0 && all(abs(round(x, decimals) - round(x, decimals - 1)) < 1e-9)) decimals <- decimals - 1
  shown <- round(x, decimals)
  paste0(ifelse(shown < 0, "\u2212", ifelse(shown > 0, plus, "")),
    formatC(abs(shown), format = "f", digits = decimals, big.mark = ","))
}

#' A ratio in a sentence. Beyond 0.05 and 20, where the figures are cut as well, no number is meant as such.
times_words <- function(x, about = "about ") {
  ifelse(x > ratio_limits[2], "more than 20 times", ifelse(x < ratio_limits[1], "less than 0.05 times",
    paste0(about, fmt_ratio(x), " times")))
}

#' A hazard ratio with its interval: 2.61 (2.10–3.24); a separated one has no finite value.
fmt_hr <- function(hr, lower, upper, infinite = FALSE) {
  ends <- list(fmt_ratio(lower), fmt_ratio(upper))
  joint <- ifelse(grepl("[<>]", paste0(ends[[1]], ends[[2]])), " to ", "\u2013")
  interval <- ifelse(is.na(lower) | is.na(upper), "", paste0(" (", ends[[1]], joint, ends[[2]], ")"))
  infinite <- rep_len(infinite %in% TRUE, length(hr))
  if (!length(hr)) return(character())
  ifelse(infinite, "no finite value", ifelse(is.na(hr), "\u2013", paste0(fmt_ratio(hr), interval)))
}

fmt_p_value <- function(p) {
  p <- as.numeric(p) # a column without any value is logical, which older R does not format
  text <- ifelse(p < 0.1995, formatC(p, format = "f", digits = 3), formatC(p, format = "f", digits = 2))
  or_dash(p, ifelse(p < 0.001, "<\u00a00.001", ifelse(p > 0.99, ">\u00a00.99", text)))
}

#' In a sentence: p < 0.001, p = 0.032.
fmt_p <- function(p) {
  text <- fmt_p_value(p)
  ifelse(is.na(p), "p not available", ifelse(grepl("^[<>]", text), paste0("p\u00a0", text),
      paste0("p\u00a0=\u00a0", text)))
}

#' Durations: 0.4 s, 12 s, 3 min 20 s, 2 h 05 min.
fmt_seconds <- function(x) {
  s <- round(x)
  x <- as.numeric(x)
  text <- ifelse(x < 9.95, paste(formatC(x, format = "f", digits = 1), "s"),
    ifelse(s < 60, paste(s, "s"),
      ifelse(s < 3600, sprintf("%d min %02d s", as.integer(s %/% 60), as.integer(s %% 60)),
        sprintf("%s h %02d min", fmt_n(s %/% 3600), as.integer((s %% 3600) %/% 60)))))
  or_dash(x, text)
}

#' 1 run, 4 runs.
plural <- function(n, word, words = paste0(word, "s")) paste(fmt_n(n), ifelse(n %in% 1, word, words))

#' a, b and c.
list_words <- function(x, last = " and ") {
  n <- length(x)
  if (n < 2) return(paste(x))
  paste0(paste(x[-n], collapse = ", "), last, x[n])
}

#' The axis of recall and instruments: epochs, or where a checkpoint of a series stands.
probe_axis <- function(results) {
  if (vocabulary$probed && !vocabulary$series) "Epoch" else first_upper(time_word(results$time))
}

#' The time axis in words: "epoch", "epochs"; "hour of training", "hours of training".
time_word <- function(time, n = 1) {
  of <- sub("^.*?( of .*)?$", "\\1", time, perl = TRUE)
  one <- sub("s$", "", substr(time, 1, nchar(time) - nchar(of)))
  paste0(one, if (n != 1) "s", of)
}

# What happens, to a reader: the words for what we know, and the outcome's own name for everything else.
known_outcomes <- list(
  acquisition = c(verb = "to be learned", definition = "*acquisition*: a trained fact comes to be recalled",
    who = "trained facts that were not recalled at first", did = "were recalled at some checkpoint"),
  generalisation = c(verb = "to be recalled without training",
    definition = "*generalisation*: the same for a withheld fact",
    who = "withheld facts that were not recalled at first", did = "were recalled at some checkpoint"),
  degradation = c(verb = "to be lost", definition = "*degradation*: a fact recalled at first is lost",
    who = "facts that were recalled at first", did = "were lost at some checkpoint")
)

# The same where a table says what was right at which step, and no model was probed.
observed_outcomes <- list(
  acquisition = c(verb = "to come to be right", definition = "*acquisition*: what was wrong at first comes to be right",
    who = "facts that were wrong at first", did = "came to be right"),
  degradation = c(verb = "to cease to be right", definition = "*degradation*: what was right at first ceases to be",
    who = "facts that were right at first", did = "ceased to be right")
)

# Whether the results are of a study that probed a model, or of a table of observations. Only then do the outcomes and
# columns of a study mean what they mean there: a table of somebody else's events may call anything *acquisition*,
# *latent* or *split*.
vocabulary <- new.env()
vocabulary$probed <- TRUE
vocabulary$observed <- FALSE
vocabulary$series <- FALSE
vocabulary$origin <- NULL # stage at which the clock starts, where it is not the baseline
vocabulary$in_a_row <- 1 # checkpoints at which an event must hold
vocabulary$counted <- FALSE
vocabulary$known_in <- integer() # prompt forms: only what is recalled in one of them can come to be recalled

#' @param which "verb" (after "times as likely"), "who" (was at risk), "did" (what happened to them) or "definition".
outcome_words <- function(outcome, which) {
  own <- c(verb = "to have the event", who = "facts at risk", did = paste0("had the event *", md(outcome), "*"),
    definition = paste0("*", md(outcome), "*"))
  known <- if (vocabulary$probed) known_outcomes else if (vocabulary$observed) observed_outcomes else list()
  words <- if (outcome %in% names(known)) known[[outcome]] else own
  coming <- which == "who" && outcome %in% c("acquisition", "generalisation")
  worded(paste0(words[[which]], if (coming) known_in_words()))
}

#' Of facts that were not recalled at first, where only some of them are at risk.
known_in_words <- function() {
  if (!length(vocabulary$known_in)) return("")
  paste(" but known in form", paste(vocabulary$known_in, collapse = " or "))
}

#' What is counted: facts; where a fact is in several runs histories, one for each fact in each run.
history_word <- function(results, n = 1) {
  several <- nrow(unique(results$events[c("run", "fact_id")])) > length(unique(results$events$fact_id))
  if (several) if (n == 1) "history" else "histories" else if (n == 1) "fact" else "facts"
}

#' Stratum as the reader calls it, from the column that splits the curves and its value.
stratum_words <- function(by, stratum) {
  words <- stratum_text(by, stratum, vocabulary$probed)
  third <- "^[[(]([^,]+),([^]]+)[]]$" # of a number
  ifelse(grepl(third, words), gsub("-", "\u2212", sub(third, "\\1 to \\2", words), fixed = TRUE), words)
}

#' The column that splits the curves, in words.
by_words <- function(by) {
  by <- as.character(by)
  known <- c(latent = "latent knowledge", split = "split (trained or withheld)", arm = "training recipe",
      relation = "relation",
    group = "fact group", knowledge = "baseline knowledge", slick = "SLiCK class", run = "run",
    if (vocabulary$counted) vapply(count_words, lower_first, ""))
  if (!vocabulary$probed) known <- known[c("arm", "run")]
  ifelse(by %in% names(known), worded(unname(known[by])), ifelse(by %in% c("", "1", "all", NA), "all facts together",
      as.character(by)))
}

#' A name from the data without the underscores of programmers.
plain_name <- function(x) gsub("_", " ", as.character(x), fixed = TRUE)

#' Words that read alike and mean different things (`a_b` and `a b`) have behind them what they are of.
apart <- function(words, of) {
  meanings <- tapply(of, words, function(x) length(unique(x)))
  several <- as.vector(meanings)[match(words, names(meanings))] > 1
  ifelse(several, paste0(words, " (", of, ")"), words)
}

# What a corpus says of a fact. A table without counts may call anything *mi*.
count_words <- c(smi = "SMI", mi = "Mutual information", log_subject = "Log documents with the subject",
  log_object = "Log documents with the object", log_both = "Log documents with both",
  never_met = "Meets its object in no document")

#' Predictors in plain words: what the column means if it is one of ours, else its name; a part of a formula as written.
predictor_words <- function(term) {
  column <- column_of(term)
  known <- c(latent = "Latent knowledge", logp0 = "Log probability of the answer at baseline",
      p0 = "Probability of the answer at baseline",
    margin_now = "Margin at the start of the interval", logp_now = "Log probability at the start of the interval",
    exposures_now = "Exposures until the start of the interval",
    attention_now = "Attention to the subject at the start of the interval",
    split = "Split", arm = "Training recipe", relation = "Relation", group = "Fact group", run = "Run",
    fact_id = "Fact", if (vocabulary$counted) count_words)
  if (!vocabulary$probed) known <- known[c("arm", "run", "fact_id")]
  form <- ifelse(grepl("^p0_form[0-9]+$|^logp0_form[0-9]+$", column), sub("^.*_form", ", form ", column), "")
  column <- ifelse(nzchar(form), sub("_form[0-9]+$", "", column), column)
  called <- ifelse(column %in% names(known), paste0(worded(known[column]), form), first_upper(plain_name(column)))
  unname(ifelse(grepl("[()*^]", term), as.character(term), called))
}

#' The event rule in words.
rule_words <- function(rule) {
  rule <- as.character(rule)
  m <- sub("^[a-z]+", "", rule)
  held <- ifelse(nzchar(m), paste("must hold for", m, "probes in a row"), "first event counts")
  known <- grepl("^(first|(sustained|loss|confident)[0-9]+|loss|confident)$", rule)
  sign <- c(loss = "by a loss below the no-knowledge loss, ", confident = "by the probability of the answer, ")
  sign <- sign[sub("[0-9]+$", "", rule)]
  ifelse(known, paste0(ifelse(is.na(sign), "", sign), held), rule)
}
