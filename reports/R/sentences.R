# Results in plain words. Each function returns Markdown text, or "" where there is nothing to say.

list_some <- function(x, most = 6) {
  if (length(x) <= most) return(list_words(x))
  paste0(paste(x[seq_len(most)], collapse = ", "), " and ", length(x) - most, " others")
}

#' What there is to analyse, where it is not a study's probes: the table of events.
say_table <- function(results) {
  # Where events repeat, compete or change a state, `events` ends with the first of each fact.
  e <- if (nrow(results$transitions)) results$transitions else results$events
  table <- basename(as.character(c(results$manifest$steps$events$key$spec$table, "a table of events")[1]))
  observed <- !is.null(results$study$observations)
  column <- study_value(results, c(if (observed) "observations" else "events", "id"), "id")
  runs <- length(unique(as.character(e$run)))
  rows <- if (!observed) paste(" with", plural(nrow(e), "row")) else " of what was right and what was wrong"
  paste0("The events come from a table (", md(table), ")", rows, " of **",
    plural(length(unique(as.character(e$fact_id))), "fact"), "**",
    if (runs > 1) paste0(" in ", plural(runs, "run")), ", followed up to ", md(time_word(results$time)), " ",
    fmt_time(max(e$stop)), ". A fact is one value of the column \u201c", md(column), "\u201d.",
    say_histories(results))
}

say_time <- function(results) {
  if (!is.null(results$study$observations)) {
    return(paste0("**Time and events.** Time is counted in ", md(time_word(results$time, 2)), ". A fact is followed ",
      "from its first observation on: one that is wrong there is at risk of acquisition, one that is right of ",
      "degradation. An event happened between the observation at which it was first seen and the one before."))
  }
  paste0("**Time and events.** Time is counted in ", md(time_word(results$time, 2)), ", and events are what the table ",
    "says: a fact is at risk after the start of each of its rows, up to and including the stop.")
}

#' What an event is, who is censored, and the rule that the text follows.
say_events <- function(results) {
  rules <- level_order(results$event_counts$rule)
  what <- vapply(results$outcomes, outcome_words, "", which = "definition")
  paste0("An **event** is what happens to a fact: ", list_words(unname(what)), ". Facts without an event by the end ",
    "of their follow-up are *censored*: we only know that they held out that long. @tbl-events counts both",
    if (length(rules) > 1) paste0(" under each rule for what an event is; the sections below use the rule \u201c",
      md(rule_words(results$rule)), "\u201d"), ".")
}

#' What was left out of the events, or is unusual about them.
say_notes <- function(results) {
  if (!length(results$notes)) return("")
  paste0("What to know about these events:\n\n", paste0("- ", md(first_upper(results$notes)), ".", collapse = "\n"))
}

#' Everything about what was counted; of a table of one's own that stands above.
say_full <- function(results) {
  if (vocabulary$series) say_followed(results) else if (vocabulary$probed) say_trained(results) else ""
}

#' What was known before training, in one sentence.
say_knowledge <- function(results) {
  share <- function(what) fmt_percent(mean(results$baseline$knowledge == what), 0)
  paste0(worded("Before training"), " the model answered ", share("known"), " of the facts right (**known**); of ",
    share("latent"),
    " it could still produce the answer when sampling (**latent**); ", share("unknown"), " it did not know.")
}

#' What the study holds: facts that some run was taught, and that none was; runs and recipes, without grafts.
counted <- function(results) {
  b <- results$baseline
  trained <- unique(as.character(b$fact_id[b$split == "trained"]))
  own <- results$recall[!as.character(results$recall$arm) %in% graft_names(results), , drop = FALSE]
  list(trained = length(trained), withheld = length(setdiff(as.character(b$fact_id), trained)),
    runs = length(unique(as.character(own$run))), arms = level_order(own$arm))
}

say_grafted <- function(results) {
  grafts <- length(graft_names(results))
  if (grafts) paste0(", and ", few_words(grafts), if (grafts == 1) " graft" else " grafts", " of their weights") else ""
}

say_trained <- function(results) {
  n <- counted(results)
  relations <- length(unique(as.character(results$facts$relation)))
  seeds <- length(unique(results$baseline$seed))
  origin <- study_value(results, c("analysis", "origin"), NULL)
  never <- if (is.null(origin)) "never trained on" else
    paste0("not trained on from stage *", md(origin), "* on, where the clock starts")
  paste0("The model (", md(model_name(results)), ") was ",
    say_taught(results, paste0("**", plural(n$trained, "fact"), "**")),
    if (relations > 1) paste0(" about ", plural(relations, "relation")), if (n$withheld) paste0("; ",
        plural(n$withheld, "further fact"),
      " ", if (n$withheld == 1) "was" else "were", " withheld: ", never, ", and probed all the same"),
    ". There ", if (n$runs == 1) "was " else "were ", "**", plural(n$runs, "run"), "**: ", plural(length(n$arms),
        "training recipe"),
    if (length(n$arms) > 1) paste0(" (", md(list_some(n$arms)), ")"), " with ", plural(seeds, "seed"),
    say_grafted(results), ", followed up to epoch ", fmt_time(max(results$recall$epoch)), ".", say_histories(results))
}

# Facts are counted once, histories once for each run: the difference is said where both are on the page.
say_histories <- function(results) {
  if (history_word(results) == "fact") return("")
  paste0(" One fact in one run is a *history*: the ", plural(length(unique(as.character(results$event_counts$run))),
    "run"), " hold ", fmt_n(nrow(unique(results$events[c("run", "fact_id")]))), " of them, and what is counted over ",
    "runs is counted in histories.")
}

#' Of each recipe, or of more than `most` those with the least and the most at the end.
say_recall <- function(results, most = 4) {
  e <- recall_ends(results)
  parts <- vapply(split(e, factor(e$split, unique(e$split))), function(x) {
    many <- nrow(x) > most
    if (many) x <- x[order(x$share_after), ][c(1, nrow(x)), ]
    each <- paste0("from ", fmt_percent(x$share_before), " to **", fmt_percent(x$share_after), "**",
      if (length(unique(e$arm)) > 1) paste0(" (", md(x$arm), if (many) c(", the least", ", the most"), ")"))
    paste0("of the ", worded(paste(x$split[1], "facts")), " it went ", list_words(each))
  }, "")
  paste0("Recall is the share of facts answered exactly right: ", paste(parts, collapse = "; "), ".")
}

#' The hazard ratio of the outcome's main predictor, and what it means. Of a fit in doubt the penalised one.
say_effect <- function(results, outcome) {
  own <- function(model) main_effect(results, outcome, model = model, doubtful = TRUE)
  x <- own("cox")
  if (!nrow(x)) return(say_no_estimate(results, outcome))
  best <- headline_of(results, outcome, c("cox", "cox-firth"), own)
  if (is.null(best) || best$model != "cox") return(say_doubtful_effect(results, outcome, x, best))
  ours <- vocabulary$probed && x$term == "latent"
  what <- if (ours) "facts with latent knowledge" else paste0("\u201c", md(term_words(x)), "\u201d")
  paste0("The hazard ratio of ", md(outcome), " for ", what, " is **", fmt_ratio(x$hr), " (95 % interval ",
      fmt_ratio(x$lower), " to ",
    fmt_ratio(x$upper), ")**, ", fmt_p(x$p), ", adjusted for the other predictors (", plural(best$fit$events[1],
        "event"), "). ",
    say_meaning(results, outcome, x), if (x$p < 0.05) say_hangs(results, outcome, x$term),
    if (vocabulary$probed && x$term == "latent") say_undrawn(results, outcome))
}

say_doubtful_effect <- function(results, outcome, x, best) {
  name <- paste0("\u201c", md(term_words(x)), "\u201d")
  fit <- fit_of(results, outcome, "cox")
  why <- if (nzchar(doubt_of(fit))) paste0(" (", short_doubt(doubt_of(fit)), ")")
  if (is.null(best)) {
    return(paste0("**Too few events to say** how ", name, " bears on ", md(outcome), why, "."))
  }
  separates <- if (x$infinite %in% TRUE) paste0("The predictor ", name, " separates the facts that had the event from ",
    "those that had not, so its hazard ratio for ", md(outcome), " has no finite value. ")
  paste0(separates, "The adjusted Cox model of ", md(outcome), " is in doubt", why, "; for ", name, " ",
    say_penalised(best), ", adjusted for the other predictors (", plural(best$fit$events[1], "event"), "). ",
    say_meaning(results, outcome, best$row))
}

say_meaning <- function(results, outcome, x) {
  paste0("In words: ", say_times(results, outcome, x, md(compared(x))))
}

#' Whom a coefficient compares, in words: the one, and the other.
compared <- function(x) {
  name <- lower_first(predictor_words(x$term))
  unit <- as.character(x$unit)
  if (vocabulary$probed && x$term == "latent") {
    return(c("a fact that sampling could already produce at baseline", "one that it could not"))
  }
  if (unit == "yes vs no") return(paste0(c("a fact with \u201c", "one without \u201c"), name, "\u201d"))
  if (startsWith(unit, "per SD")) {
    return(c(paste("a fact whose", name, "is higher by one standard deviation", sub("^per SD ?", "", unit)), "another"))
  }
  if (!grepl(" vs ", unit)) return(c(paste("a fact whose", name, "is higher by one"), "another"))
  levels <- strsplit(as.character(unit), " vs ", fixed = TRUE)[[1]]
  if (length(levels) != 2) return(c(paste0("a fact with ", name, " \u201c", unit, "\u201d (the first)"), "the second"))
  if (vocabulary$probed && column_of(x$term) == "split") return(paste(c("a", "a"), levels, c("fact", "one")))
  paste(c("a fact with", "one with"), name, levels)
}

say_no_estimate <- function(results, outcome) {
  fit <- fit_of(results, outcome, "cox")
  if (!nrow(fit)) return(paste0("The results hold no Cox model of ", md(outcome), "."))
  if (estimated(fit)) {
    return(paste0("The model has no estimate for ", md(by_words(main_term(results, outcome))), "."))
  }
  paste0("There is no hazard ratio for ", md(outcome), ": ", md(lower_first(as.character(fit$reason[1]))))
}

#' Capitals stay where they are more than the beginning of a sentence: ECOG.
lower_first <- function(x) ifelse(grepl("^.[A-Z]", x), x, paste0(tolower(substr(x, 1, 1)), substring(x, 2)))

#' How many of those at risk had the event, under the primary rule.
say_count <- function(results, outcome) {
  d <- pick(results$event_counts, outcome = outcome, rule = results$rule)
  n <- sum(d$at_risk)
  if (!n) return(paste0("No fact was at risk of ", md(outcome), "."))
  facts <- length(unique(as.character(pick(results$events, outcome = outcome, rule = results$rule)$fact_id)))
  who <- outcome_words(outcome, "who")
  if (history_word(results) == "history") who <- paste0("histories of ", fmt_n(facts), " ", who)
  paste0("**", fmt_n(sum(d$events)), " of ", fmt_n(n), "** ", who, " (", fmt_percent(sum(d$events) / n), ") ",
    outcome_words(outcome, "did"), ".")
}

say_incidence <- function(results, outcome, by, score = TRUE) {
  e <- final_incidence(results, outcome, by)
  if (!nrow(e)) return("")
  interval <- paste0("95 % interval ", fmt_percent(e$lower), " to ", fmt_percent(e$upper))
  interval[is.na(e$lower) | e$lower == e$upper] <- "" # at 0 and 1 there is none
  n <- ifelse(is.na(e$n), "", plural(e$n, history_word(results), history_word(results, 2)))
  inside <- paste0(interval, ifelse(nzchar(interval) & nzchar(n), "; ", ""), n)
  each <- paste0(fmt_percent(e$incidence), ifelse(nzchar(inside), paste0(" (", inside, ")"), ""), " for ",
      md(stratum_noun(by, e$stratum)))
  paste0("By ", md(time_word(results$time)), " ", fmt_time(follow_up(results, outcome)), " the share with the event ",
    "was ",
    list_words(each), ". ",
    if (score) say_score(results, outcome, by))
}

stratum_noun <- function(by, stratum) {
  if (vocabulary$probed && by == "latent") return(paste("facts with", stratum))
  if (vocabulary$probed && by == "split") return(paste(stratum, "facts"))
  if (by %in% c("", "arm", "run", "relation", "group")) return(stratum)
  paste("facts with", plain_name(by_words(by)), stratum)
}

#' The score test in words.
say_score <- function(results, outcome, by) {
  d <- utils::head(pick(results$tests, outcome = outcome, rule = results$rule, by = by, model = "score"), 1)
  if (!nrow(d)) return("")
  verdict <- if (is.na(d$p)) "cannot be compared" else
    if (d$p < 0.05) "differ by more than chance explains" else "do not differ by more than chance could explain"
  paste0("The curves ", verdict, " (score test, the log-rank test in counting-process form: \u03c7\u00b2 = ",
      fmt_number(d$statistic),
    " on ", fmt_number(d$df), " df, ", fmt_p(d$p), ").")
}

#' One plain sentence on proportional hazards, with the size of the drift where there is one.
say_zph <- function(results, outcome) {
  d <- zph_findings(results, outcome)
  main <- utils::head(d[column_of(d$term) == main_term(results, outcome), ], 1)
  if (!nrow(main)) main <- utils::head(d, 1)
  if (!nrow(main)) return("")
  label <- paste0("\u201c", md(contrast_of(results, outcome, main$term)), "\u201d")
  rest <- d[as.character(d$term) != as.character(main$term) & d$p_holm < 0.05, ]
  others <- if (nrow(rest)) paste0(" It does change for ", list_words(md(contrast_of(results, outcome, rest$term))),
    " (", list_words(fmt_p(rest$p_holm)), ").") else ""
  corrected <- if (nrow(d) > 1) paste0("; corrected for ", fmt_n(nrow(d)), " predictors tested, ", fmt_p(main$p_holm))
  stat <- paste0("(\u03c7\u00b2 = ", fmt_number(main$chisq), " on ", fmt_number(main$df), " df, ", fmt_p(main$p),
    corrected, ")")
  if (main$p_holm >= 0.05) {
    return(paste0("The data give no evidence that the hazard ratio of ", label, " changes with time ", stat,
      "; that is not proof that it stays the same.", others))
  }
  paste0("The hazard ratio of ", label, " changes with time ", stat,
      ", so the single value is an average over the whole time. ",
    say_drift(results, outcome, main$term), say_frailty_instead(results, outcome, main$term),
    say_hangs(results, outcome, main$term, "zph"), sub("It does change", "It also changes", others, fixed = TRUE))
}

say_drift <- function(results, outcome, term) {
  p <- pick(results$zph_periods, outcome = outcome, rule = results$rule, model = "cox", term = as.character(term))
  p <- p[order(p$period), ]
  p <- p[is.finite(p$hr) & is.finite(p$lower) & is.finite(p$upper), ]
  if (nrow(p) < 2) return("With so few events in each third of them, its size by period cannot be told.")
  a <- p[1, ]
  b <- p[nrow(p), ]
  paste0("It is ", fmt_hr(a$hr, a$lower, a$upper), " in ", md(period_words(results, a)), " and ",
      fmt_hr(b$hr, b$lower, b$upper), " in ",
    md(period_words(results, b)), ".")
}

#' Which of the two to trust: the grouped-time model where events share their times.
say_ties <- function(results, outcome) {
  d <- pick(results$events, outcome = outcome, rule = results$rule)
  stop <- d$stop[d$event %in% TRUE]
  shared <- tied_share(stop)
  counted <- paste0(fmt_n(round(shared * length(stop))), " of ", plural(length(stop), "event"), " share their time ",
    "with another")
  if (shared < 0.5) return(paste0("Only ", counted, ", so the Cox model, which needs no grouping of the times, is the ",
    "one to read."))
  paste0(first_upper(counted), ", and the grouped-time model is made for that: there it is the safer one",
    if (estimated(fit_of(results, outcome, "interval"))) " of the two", ".")
}

#' The share of events at a time at which another event happened as well.
tied_share <- function(stop) {
  if (!length(stop)) return(0)
  mean(stop %in% stop[duplicated(stop)])
}

#' Where Cox and cloglog, two answers to the same question, differ by more than a tenth of the standard error.
say_agreement <- function(results, outcome) {
  d <- pick(results$coefficients, outcome = outcome, rule = results$rule)
  a <- d[d$model == "cox", ]
  b <- d[d$model == "cloglog", ]
  if (!nrow(a) || !nrow(b) || doubted(results, outcome, c("cox", "cloglog"))) return("")
  b <- b[match(as.character(a$term), as.character(b$term)), ]
  gap <- abs(a$estimate - b$estimate) / a$se
  far <- which(is.finite(gap) & round(gap, 2) > 0.1) # as it is printed
  if (!length(far)) {
    return("The Cox model and the grouped-time model agree: none differs by more than 10 % of its standard error.")
  }
  paste0("The Cox model and the grouped-time model differ by more than 10 % of the standard error for ",
    list_words(paste0(md(predictor_words(a$term[far])), " (", fmt_percent(gap[far], 0), ")")),
    ". ", say_ties(results, outcome))
}
