# Training recipes compared: the first one is the reference.

arms_data <- function(results) {
  d <- pick(results$arms, rule = results$rule, model = "arms")
  if (nrow(d)) d[order(match(as.character(d$outcome), results$outcomes)), ] else d
}

#' One sentence per outcome and recipe; p is Holm's where more than two recipes are compared. Of more than `most`
#' sentences, what a ratio is in time stands in the table alone.
say_arms <- function(results, most = 3) {
  d <- arms_data(results)
  if (!nrow(d)) return("No recipe could be compared with another one.")
  several <- any(table(as.character(d$outcome)) > 1)
  doubtful <- vapply(seq_len(nrow(d)), function(i) arm_in_doubt(results, d[i, ]), NA)
  again <- doubtful & duplicated(data.frame(d$outcome, doubtful))
  lines <- vapply(seq_len(nrow(d)), function(i) {
    if (doubtful[i]) say_doubtful_arm(results, d[i, ], again[i]) else say_arm(results, d[i, ], several, nrow(d) <= most)
  }, "")
  paste0("Every recipe is compared with the first one, **", md(as.character(d$reference[1])), "**. A seed is one ",
    "repetition of a recipe, and two recipes count as different only if they differ by more than the seeds of ",
    "one do; with ",
    plural(min(d$seeds), "seed"), " per recipe that is known only roughly.",
    if (several) " p values are corrected for the number of recipes (Holm).",
    if (nrow(d) > most) " What the ratios are in time is in the table below.", "\n\n",
    paste0("- ", lines, collapse = "\n"))
}

arm_head <- function(x) paste0("**", md(first_upper(as.character(x$outcome))), ", ", md(as.character(x$arm)), ".** ")

arm_in_doubt <- function(results, x) {
  nzchar(doubt_of(fit_of(results, as.character(x$outcome), "arms"))) || x$infinite %in% TRUE || is.na(x$hr)
}

say_arm <- function(results, x, several, in_time = TRUE) {
  outcome <- as.character(x$outcome)
  verb <- outcome_words(outcome, "verb")
  head <- arm_head(x)
  inside <- x$lower <= 1 && x$upper >= 1
  word <- md(time_word(results$time))
  changing <- arm_changes(results, outcome, x)
  when <- if (changing) "Averaged over the whole time" else paste("In any one", word)
  paste0(head, when, " a fact was ", times_words(x$hr), " as likely ", verb, " as with ",
    md(as.character(x$reference)), " (95 % interval ", fmt_ratio(x$lower), " to ", fmt_ratio(x$upper), "; ",
    fmt_p(if (several) x$p_holm else x$p), ")",
    if (inside) "; these data do not settle whether there is a difference",
    if (changing) say_arm_periods(results, outcome, x), ".", if (in_time) say_arm_time(results, x))
}

# What the ratio is in time, and in what training cost.
say_arm_time <- function(results, x) {
  units <- md(time_word(results$time, 2))
  told <- fmt_even(c(abs(x$difference), x$difference_lower, x$difference_upper), plus = "+")
  paste0(" Of the first ", fmt_time(x$horizon), " ", units, " it spent on average ",
    sub("+", "", told[1], fixed = TRUE), " ", units,
    if (x$difference < 0) " less" else " more", " without the event (", told[2], " to ", told[3], ").",
    say_arm_examples(x))
}

# The recipe's term in the Cox model: of two recipes the column itself, of more its level.
arm_term <- function(results, outcome, x) {
  d <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = "cox")
  d <- d[column_of(d$term) == "arm" & d$unit == paste(x$arm, "vs", x$reference), ]
  as.character(d$term)[seq_len(min(1, nrow(d)))]
}

arm_changes <- function(results, outcome, x) {
  terms <- unique(c(arm_term(results, outcome, x), "arm"))
  any(vapply(terms, changes_with_time, NA, results = results, outcome = outcome))
}

# Where the ratio of two recipes changes with time, its size in each period.
say_arm_periods <- function(results, outcome, x) {
  d <- ratios_by_period(results, outcome, c(arm_term(results, outcome, x), "")[1])
  if (nrow(d) < 2) return("; that ratio **changes with time**")
  paste0("; that ratio **changes with time**: it is ", list_words(paste0(fmt_hr(d$hr, d$lower, d$upper), " in ",
    md(period_words(results, d)))))
}

# Of a comparison in doubt: the penalised ratio of the recipe, or none; the reasons once for an outcome's recipes.
say_doubtful_arm <- function(results, x, again) {
  head <- arm_head(x)
  fit <- fit_of(results, as.character(x$outcome), "arms")
  outcome <- as.character(x$outcome)
  contrast <- paste(x$arm, "vs", x$reference)
  best <- headline_of(results, outcome, "cox-firth", function(model) {
    d <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = model)
    d[column_of(d$term) == "arm" & as.character(d$unit) == contrast, ]
  })
  why <- if (nzchar(doubt_of(fit))) paste0(" (", short_doubt(doubt_of(fit)), ")")
  if (again && !is.null(best)) return(paste0(head, "As doubtful: penalised, ", say_penalised_ratio(best), "."))
  if (is.null(best)) return(paste0(head, "**Too few events to say** how it compares", why, "."))
  paste0(head, "The comparison is in doubt", why, "; ", say_penalised(best), ", which does not count how far the ",
    "seeds of one recipe differ.")
}

# The difference in what training cost: an epoch of one recipe may be several of another.
say_arm_examples <- function(x) {
  if (is.null(x$examples_difference) || is.na(x$examples_difference)) return("")
  told <- fmt_even(c(abs(x$examples_difference), x$examples_lower, x$examples_upper), plus = "+")
  paste0(" In training examples seen, of the first ", fmt_time(x$examples_horizon), ", that is ",
    sub("+", "", told[1], fixed = TRUE), if (x$examples_difference < 0) " less" else " more", " (", told[2], " to ",
    told[3], ").")
}

table_arms <- function(results) {
  d <- arms_data(results)
  if (!nrow(d)) return(md_table(d))
  out <- data.frame(Outcome = first_upper(as.character(d$outcome)), Recipe = as.character(d$arm),
    Seeds = fmt_n(d$seeds), Events = fmt_n(d$events),
    "Hazard ratio (95 % interval)" = fmt_hr(d$hr, d$lower, d$upper, d$infinite), p = fmt_p_value(d$p),
    "p (Holm)" = fmt_p_value(d$p_holm),
    Difference = paste0(fmt_signed(d$difference), " (", fmt_signed(d$difference_lower), " to ",
      fmt_signed(d$difference_upper), ")"), check.names = FALSE)
  names(out)[names(out) == "Difference"] <- paste0("Difference in ", time_word(results$time, 2))
  if (any(is.finite(d$examples_difference))) {
    out[["Difference in examples"]] <- ifelse(is.na(d$examples_difference), "\u2013", paste0(
      fmt_signed(d$examples_difference), " (", fmt_signed(d$examples_lower), " to ", fmt_signed(d$examples_upper), ")"))
  }
  several <- any(table(as.character(d$outcome)) > 1)
  if (length(unique(d$seeds)) == 1 && several) out$Seeds <- NULL # the sentence above says how many
  out[[if (several) "p" else "p (Holm)"]] <- NULL
  md_table(out, paste0("ll", strrep("r", ncol(out) - 2)))
}

#' The predictors with the recipe as a covariate, and as strata.
strata_data <- function(results) {
  d <- pick(results$coefficients, rule = results$rule, model = "cox-arms")
  if (nrow(d)) d[order(match(as.character(d$outcome), results$outcomes)), ] else d
}

say_arm_strata <- function(results) {
  d <- pick(results$tests, rule = results$rule, model = "cox-arms")
  d <- d[order(match(as.character(d$outcome), results$outcomes)), ]
  predictor <- md(lower_first(predictor_words(sub(" x arm$", "", as.character(d$by)))))
  each <- paste0("for ", md(d$outcome), " ", predictor, " ",
    ifelse(is.na(d$p), "cannot be compared", ifelse(d$p < 0.05, "**works differently from recipe to recipe**",
      "is not shown to differ from recipe to recipe")), " (", fmt_p(d$p), ")")
  paste0("With the recipe as strata, nothing is assumed about how the recipes compare (@tbl-arm-strata); ratios that ",
    "stay the same do not hang on that assumption. ", if (nrow(d)) paste0(first_upper(list_words(each)), "."),
    if (any(d$p >= 0.05, na.rm = TRUE)) paste0(" A test that shows no difference is no proof that there is none."))
}

table_arm_strata <- function(results) {
  d <- strata_data(results)
  before <- pick(results$coefficients, rule = results$rule, model = "cox")
  before <- before[match_rows(d, before, c("outcome", "term")), ]
  hr <- function(x) fmt_hr(x$hr, x$lower, x$upper, x$infinite)
  md_table(data.frame(Outcome = ifelse(duplicated(d$outcome), "", first_upper(as.character(d$outcome))),
    Predictor = term_words(d), "Recipe as covariate" = hr(before), "Recipe as strata" = hr(d), check.names = FALSE),
    "llrr")
}
