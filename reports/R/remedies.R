# What stands beside a hazard ratio: restricted mean times, the stratified model, the random effects in words.

rmst_of <- function(results, outcome) {
  d <- pick(results$rmst, outcome = outcome, rule = results$rule, model = "rmst")
  if (!nrow(d)) return(d)
  if (is.null(d$axis)) d$axis <- rep("time", nrow(d))
  d[order(match(as.character(d$by), splits_of(results, outcome)), match(as.character(d$axis), c("time", "examples"))), ]
}

# The unit of a restricted mean: that of the time axis, or training examples.
axis_word <- function(results, axis) ifelse(axis == "examples", "training example", time_word(results$time))

#' The first comparison in words: means of both groups, and their difference.
say_rmst <- function(results, outcome) {
  d <- utils::head(rmst_of(results, outcome), 1)
  if (!nrow(d)) return("")
  word <- md(time_word(results$time, 2))
  noun <- function(group) md(stratum_noun(d$by, stratum_words(d$by, group)))
  inside <- d$lower <= 0 && d$upper >= 0
  paste0("Of the first ", fmt_time(d$horizon), " ", word, ", ", noun(d$group), " spent ", fmt_number(d$rmst),
    " on average without ", md(outcome), ", and ", noun(d$reference), " ", fmt_number(d$rmst_reference),
    ": a difference of **", fmt_signed(d$difference), " ", word, " (95 % interval ", fmt_signed(d$lower), " to ",
    fmt_signed(d$upper), ")**, ", fmt_p(d$p), if (inside) ", which these data do not tell from none",
    ". Unlike a hazard ratio, this needs no assumption about how the hazards change with time; it is not adjusted for ",
    "other predictors.", say_examples(results, outcome))
}

# The same difference in what training cost.
say_examples <- function(results, outcome) {
  d <- rmst_of(results, outcome)
  d <- utils::head(d[d$axis == "examples" & d$by == d$by[1], ], 1)
  if (!nrow(d)) return("")
  paste0(" Counted in training examples that the model had seen, of the first ", fmt_time(d$horizon), ", it is ",
    fmt_signed(d$difference), " (", fmt_signed(d$lower), " to ", fmt_signed(d$upper), ").")
}

#' Differences with their sign: a true minus, and a plus.
fmt_signed <- function(x) or_dash(x, paste0(ifelse(x < 0, "\u2212", ifelse(x > 0, "+", "")), fmt_number(abs(x))))

table_rmst <- function(results, outcome) {
  d <- rmst_of(results, outcome)
  name <- function(group) {
    words <- stratum_words(d$by, group)
    ifelse(d$by %in% c("latent", "split"), first_upper(words), words)
  }
  until <- paste0(by_words(as.character(d$by)), ", to ", axis_word(results, d$axis), " ", fmt_time(d$horizon))
  md_table(data.frame("Compared by" = first_upper(until), Group = name(d$group),
    "Mean" = fmt_number(d$rmst), Reference = name(d$reference), "Its mean" = fmt_number(d$rmst_reference),
    "Difference (95 % interval)" = paste0(fmt_signed(d$difference), " (", fmt_signed(d$lower), " to ",
      fmt_signed(d$upper), ")"),
    p = fmt_p_value(d$p), check.names = FALSE), "llrlrrr")
}

split_data <- function(results, outcome) {
  pick(results$zph_periods, outcome = outcome, rule = results$rule, model = "cox-split")
}

#' What split time mends: how much better the model fits.
say_split <- function(results, outcome) {
  d <- split_data(results, outcome)
  test <- utils::head(pick(results$tests, outcome = outcome, rule = results$rule, model = "cox-split"), 1)
  paste0("@tbl-", outcome_id(outcome), "-split has the remedy beside the original: ",
    list_words(unique(md(lower_first(predictor_words(d$term))))), " with a hazard ratio of ",
    "its own in each third of the events, the others with one", if (nrow(test) && !is.na(test$p)) paste0(
      " (it fits better by \u03c7\u00b2 = ", fmt_number(test$statistic), " on ", fmt_number(test$df), " df, ",
      fmt_p(test$p), ")"), ". Where the periods differ, report them instead of the single ratio.")
}

table_split <- function(results, outcome) {
  original <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = "cox")
  rest <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = "cox-split")
  split <- split_data(results, outcome)
  split <- split[order(match(as.character(split$term), as.character(original$term)), split$period), ]
  all <- data.frame(term = c(as.character(split$term), as.character(rest$term)),
    period = c(period_words(results, split), rep("all", nrow(rest))),
    hr = c(fmt_hr(split$hr, split$lower, split$upper), fmt_hr(rest$hr, rest$lower, rest$upper, rest$infinite)),
    p = c(split$p, rest$p))
  at <- match(all$term, as.character(original$term))
  again <- duplicated(all$term)
  before <- fmt_hr(original$hr, original$lower, original$upper, original$infinite)[at]
  md_table(data.frame(Predictor = ifelse(again, "", term_words(original)[at]), "Cox" = ifelse(again, "", before),
    Period = all$period, "Split time" = all$hr, p = fmt_p_value(all$p), check.names = FALSE), "lrlrr")
}

#' What was stratified by, and whether that mended the model.
say_stratified <- function(results, outcome) {
  of <- function(model) pick(results$coefficients, outcome = outcome, rule = results$rule, model = model)
  gone <- setdiff(as.character(of("cox")$term[!of("cox")$infinite %in% TRUE]), as.character(of("cox-stratified")$term))
  left <- utils::head(pick(results$zph_tests, outcome = outcome, rule = results$rule, model = "cox-stratified",
    term = "GLOBAL"), 1)
  paste0("@tbl-", outcome_id(outcome), "-stratified has the other remedy: every level (of a number: every third) of ",
    list_words(unique(md(lower_first(predictor_words(gone))))), " has a baseline hazard of its own, so that no ratio ",
    "is assumed for it (and none is estimated), and the other predictors are compared within its levels. ",
    if (nrow(left) && !is.na(left$p)) paste0(if (left$p < 0.05) "Even so, the rest still changes with time (" else
      "For what is left no change with time is shown (", fmt_p(left$p), ")."))
}

table_stratified <- function(results, outcome) {
  d <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = "cox-stratified")
  before <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = "cox")
  before <- before[match(as.character(d$term), as.character(before$term)), ]
  hr <- function(x) fmt_hr(x$hr, x$lower, x$upper, x$infinite)
  md_table(data.frame(Predictor = term_words(d), "Cox" = hr(before), "Stratified Cox" = hr(d),
    "p (stratified)" = fmt_p_value(d$p), check.names = FALSE), "lrrr")
}

#' Whether the groups differ, and what the random effects make of the main hazard ratio.
say_variances <- function(results, outcome) {
  d <- utils::head(pick(results$variances, outcome = outcome, rule = results$rule, model = "coxme"), 1)
  if (!nrow(d)) return("")
  name <- md(lower_first(predictor_words(d$grouping)))
  tested <- if (is.null(d$p) || is.na(d$p)) "" else if (d$p < 0.05) {
    paste0("The data show that they differ by ", name, " (", fmt_p(d$p), "). ")
  } else {
    paste0("The data do not show that they differ by ", name, " (", fmt_p(d$p), "). ")
  }
  tested <- paste0(tested, say_ground(results, d))
  of <- function(model) main_effect(results, outcome, model = model)
  a <- of("cox")
  b <- of("coxme")
  g <- of("frailty-gamma")
  if (!nrow(a) || !nrow(b) || anyNA(c(a$hr, b$hr))) return(tested)
  ratio <- function(x) fmt_hr(x$hr, x$lower, x$upper)
  paste0(tested, "For \u201c", md(term_words(b)), "\u201d the hazard ratio between facts of the same group is ",
    ratio(b),
    if (nrow(g) && is.finite(g$hr)) paste0(" (with gamma effects ", ratio(g), ")"), ", beside ", ratio(a),
    " over all groups.")
}
