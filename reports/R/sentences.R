# Results in plain words. Each function returns Markdown text, or "" where there is nothing to say.

list_some <- function(x, most = 6) {
  if (length(x) <= most) return(list_words(x))
  paste0(paste(x[seq_len(most)], collapse = ", "), " and ", length(x) - most, " others")
}

say_trained <- function(results) {
  f <- results$facts
  trained <- sum(f$split == "trained")
  withheld <- sum(f$split == "withheld")
  arms <- level_order(results$recall$arm)
  runs <- length(unique(as.character(results$recall$run)))
  relations <- length(unique(as.character(f$relation)))
  seeds <- length(unique(results$baseline$seed))
  model <- basename(as.character(study_value(results, c("model", "name"), "one language model")))
  model <- sub("\\.(gguf|safetensors)$", "", model)
  paste0("The model (", md(model), ") was fine-tuned on **", plural(trained, "fact"), "**",
    if (relations > 1) paste0(" about ", plural(relations, "relation")), if (withheld) paste0("; ",
        plural(withheld, "further fact"),
      " ", if (withheld == 1) "was" else "were", " withheld: never trained on, and probed all the same"),
    ". There ", if (runs == 1) "was " else "were ", "**", plural(runs, "run"), "**: ", plural(length(arms),
        "training recipe"),
    if (length(arms) > 1) paste0(" (", md(list_some(arms)), ")"), " with ", plural(seeds,
        "seed"), ", followed up to epoch ", fmt_number(max(results$recall$epoch)), ".")
}

say_recall <- function(results) {
  e <- recall_ends(results)
  parts <- vapply(split(e, factor(e$split, unique(e$split))), function(x) {
    each <- paste0("from ", fmt_percent(x$share_before), " to **", fmt_percent(x$share_after), "**",
      if (length(unique(e$arm)) > 1) paste0(" (", md(x$arm), ")"))
    paste0("of the ", x$split[1], " facts it went ", list_words(each))
  }, "")
  paste0("Recall is the share of facts answered exactly right: ", paste(parts, collapse = "; "), ".")
}

#' The hazard ratio of the outcome's main predictor, and what it means.
say_effect <- function(results, outcome) {
  x <- main_effect(results, outcome)
  fit <- fit_of(results, outcome, "cox")
  if (!nrow(x)) return(say_no_estimate(results, outcome))
  what <- if (main_term(outcome) == "latent") "facts with latent knowledge" else paste0("the contrast \u201c",
      md(x$unit), "\u201d")
  if (x$infinite %in% TRUE) {
    return(paste0("The predictor \u201c", predictor_words(x$term),
        "\u201d separates the facts that had the event from those that had not, so its ",
      "hazard ratio for ", outcome, " has no finite value. ", say_firth(results, outcome)))
  }
  inside <- x$lower <= 1 && x$upper >= 1
  paste0("The hazard ratio of ", outcome, " for ", what, " is **", fmt_ratio(x$hr), " (95 % interval ",
      fmt_ratio(x$lower), " to ",
    fmt_ratio(x$upper), ")**, ", fmt_p(x$p), ", adjusted for the other predictors (", plural(fit$events[1],
        "event"), "). ",
    say_meaning(results, outcome, x, inside))
}

say_meaning <- function(results, outcome, x, inside) {
  word <- time_word(results$time)
  who <- if (main_term(outcome) == "latent") c("a fact that sampling could already produce at baseline",
      "one that it could not") else
    strsplit(if (grepl(" vs ", x$unit)) sub("^(.*) vs (.*)$", "a \\1 fact#a \\2 one",
        x$unit) else "such a fact#the other", "#")[[1]]
  verb <- c(acquisition = "to be learned", generalisation = "to be recalled without training",
      degradation = "to be lost")[[outcome]]
  size <- paste0("about ", fmt_ratio(x$hr), " times as likely")
  paste0("In words: in any one ", word, ", among facts that had not had the event yet, ", md(who[1]), " was ", size,
    " ", verb, " as ", md(who[2]),
    if (inside) "; but the interval includes 1, so these data do not settle whether there is a difference", ".")
}

#' The penalised estimate of the main predictor, where the plain one is infinite.
say_firth <- function(results, outcome) {
  x <- main_effect(results, outcome, model = "cox-firth")
  if (!nrow(x) || is.na(x$hr)) return("")
  paste0("With Firth\u2019s penalty, which keeps it finite, it is **", fmt_ratio(x$hr), " (95 % interval ",
    fmt_ratio(x$lower), " to ", fmt_ratio(x$upper), ")**, ", fmt_p(x$p), ".")
}

say_no_estimate <- function(results, outcome) {
  fit <- fit_of(results, outcome, "cox")
  if (!nrow(fit)) return(paste0("This study holds no Cox model of ", outcome, "."))
  if (estimated(fit)) return(paste0("The model has no estimate for ", by_words(main_term(outcome)), "."))
  paste0("There is no hazard ratio for ", outcome, ": ", md(lower_first(as.character(fit$reason[1]))))
}

lower_first <- function(x) paste0(tolower(substr(x, 1, 1)), substring(x, 2))

#' How many of those at risk had the event, under the primary rule.
say_count <- function(results, outcome) {
  d <- pick(results$event_counts, outcome = outcome, rule = results$rule)
  n <- sum(d$at_risk)
  if (!n) return(paste0("No fact was at risk of ", outcome, "."))
  runs <- length(unique(as.character(d$run)))
  what <- c(acquisition = "trained facts that were not recalled at first were learned",
    generalisation = "withheld facts that were not recalled at first came to be recalled, although never trained on",
    degradation = "facts that were recalled at first were lost")[[outcome]]
  paste0(if (runs > 1) paste0("Counted over ", fmt_n(runs), " runs, "), "**", fmt_n(sum(d$events)), " of ", fmt_n(n),
    "** (", fmt_percent(sum(d$events) / n), ") ", what, ".")
}

say_incidence <- function(results, outcome, by, score = TRUE) {
  e <- final_incidence(results, outcome, by)
  if (!nrow(e)) return("")
  interval <- paste0("95 % interval ", fmt_percent(e$lower), " to ", fmt_percent(e$upper), "; ")
  interval[is.na(e$lower) | e$lower == e$upper] <- "" # at 0 and 1 there is none
  each <- paste0(fmt_percent(e$incidence), " (", interval, "n\u00a0=\u00a0", fmt_n(e$n), ") for ",
      md(stratum_noun(by, e$stratum)))
  paste0("By ", time_word(results$time), " ", fmt_number(follow_up(results, outcome)), " the share with the event was ",
    list_words(each), ". ",
    if (score) say_score(results, outcome, by))
}

stratum_noun <- function(by, stratum) {
  if (by == "latent") paste("facts with", stratum) else if (by == "split") paste(stratum, "facts") else stratum
}

#' The score test in words.
say_score <- function(results, outcome, by) {
  d <- utils::head(pick(results$tests, outcome = outcome, rule = results$rule, by = by), 1)
  if (!nrow(d)) return("")
  verdict <- if (is.na(d$p)) "cannot be compared" else
    if (d$p < 0.05) "differ by more than chance explains" else "do not differ by more than chance could explain"
  paste0("The curves ", verdict, " (score test, the log-rank test in counting-process form: \u03c7\u00b2 = ",
      fmt_number(d$statistic),
    " on ", fmt_number(d$df), " df, ", fmt_p(d$p), ").")
}

#' One plain sentence on proportional hazards, with the size of the drift where there is one.
say_zph <- function(results, outcome) {
  d <- pick(results$zph_tests, outcome = outcome, rule = results$rule, model = "cox")
  main <- utils::head(d[startsWith(as.character(d$term), main_term(outcome)), ], 1)
  if (!nrow(main)) main <- utils::head(d, 1)
  if (!nrow(main) || is.na(main$p)) return("")
  label <- paste0("\u201c", md(contrast_of(results, outcome, main$term)), "\u201d")
  rest <- d[!d$term %in% c("GLOBAL", as.character(main$term)) & d$p < 0.05 & !is.na(d$p), ]
  others <- if (nrow(rest)) paste0(" It does change for ", list_words(md(contrast_of(results, outcome, rest$term))),
    " (", list_words(fmt_p(rest$p)), ").") else ""
  stat <- paste0("(\u03c7\u00b2 = ", fmt_number(main$chisq), " on ", fmt_number(main$df), " df, ", fmt_p(main$p), ")")
  if (main$p >= 0.05) {
    return(paste0("The data give no evidence that the hazard ratio of ", label, " changes during training ", stat,
      "; that is not proof that it stays the same.", others))
  }
  paste0("The hazard ratio of ", label, " changes during training ", stat,
      ", so the single value is an average over the whole run. ",
    say_drift(results, outcome, main$term), sub("It does change", "It also changes", others, fixed = TRUE))
}

say_drift <- function(results, outcome, term) {
  p <- pick(results$zph_periods, outcome = outcome, rule = results$rule, term = as.character(term))
  p <- p[order(p$period), ]
  p <- p[is.finite(p$hr) & is.finite(p$lower) & is.finite(p$upper), ]
  if (nrow(p) < 2) return("With so few events in each third of them, its size by period cannot be told.")
  a <- p[1, ]
  b <- p[nrow(p), ]
  paste0("It is ", fmt_hr(a$hr, a$lower, a$upper), " in ", period_words(results, a), " and ",
      fmt_hr(b$hr, b$lower, b$upper), " in ",
    period_words(results, b), ".")
}

#' Where Cox and cloglog, two answers to the same question, differ by more than a tenth of the standard error.
say_agreement <- function(results, outcome) {
  d <- pick(results$coefficients, outcome = outcome, rule = results$rule)
  a <- d[d$model == "cox", ]
  b <- d[d$model == "cloglog", ]
  if (!nrow(a) || !nrow(b)) return("")
  b <- b[match(as.character(a$term), as.character(b$term)), ]
  gap <- abs(a$estimate - b$estimate) / a$se
  far <- which(is.finite(gap) & gap > 0.1)
  if (!length(far)) {
    return("The Cox model and the grouped-time model agree: none differs by more than 10 % of its standard error.")
  }
  paste0("The Cox model and the grouped-time model differ by more than 10 % of the standard error for ",
    list_words(paste0(md(predictor_words(a$term[far])), " (", fmt_percent(gap[far], 0), ")")),
    ". Many events share a checkpoint, and the grouped-time model is made for that: there it is the safer one.")
}
