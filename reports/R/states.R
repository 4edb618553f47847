# States of knowledge: who is where at which time, which way facts move, and how often they are forgotten again.

state_models <- c("multi-state", "competing-risks", "andersen-gill", "pwp")
# Models that follow facts through states; the causes of an event that has several are states too.
followed <- c("multi-state", "competing-risks")

#' @param outcome "states": those of knowledge; or an outcome of a table of one's own.
states_data <- function(results, outcome = "states") {
  d <- pick(results$occupation, rule = results$rule, outcome = outcome, model = followed)
  if (!nrow(d)) return(d)
  d$state <- factor(as.character(d$state), ordered_states(d$state))
  d$group <- factor(state_group(d), unique(state_group(d)))
  d
}

#' The stratum as a reader calls it: "Trained facts", "lora, withheld facts"; a recipe's name stays as it is.
state_group <- function(d) {
  value <- gsub(" / ", ", ", as.character(d$stratum), fixed = TRUE)
  by <- ifelse(is.na(d$by), "", as.character(d$by)) # of nothing: missing in a CSV file
  columns <- strsplit(as.character(by), " / ", fixed = TRUE)
  has <- function(column) vapply(columns, function(x) column %in% x, NA)
  plain <- nzchar(by) & !has("split") & !has("arm")
  value <- ifelse(plain, paste0(plain_name(by), ": ", value), value)
  value <- ifelse(has("split"), paste(value, "facts"), ifelse(value == "all", "all facts", value))
  ifelse(has("arm"), value, first_upper(value))
}

figure_states <- function(results, outcome = "states") {
  plot_states(states_data(results, outcome), time_word(results$time))
}

#' No rows where facts were not followed through states of knowledge, as in a table of one's own.
flows_data <- function(results) {
  d <- pick(results$transitions, rule = results$rule)
  if (nrow(d)) flows(d) else d
}

figure_alluvial <- function(results) plot_alluvial(pick(results$transitions, rule = results$rule), worded)

#' The largest flow into each state at the end.
alt_alluvial <- function(results) {
  d <- flows_data(results)
  d <- d[order(-d$n), ]
  d <- d[!duplicated(d[c("split", "to")]), ]
  paste0("Bands from the state of the facts at the start to that at the end. ", paste0(first_upper(d$split), " facts, ",
    "most of those ", d$to, " at the end were ", d$from, ": ", fmt_percent(d$share), " of all.", collapse = " "))
}

#' Of each group and state: the shares at the start and at the end, and the mean time spent there.
states_ends <- function(results, outcome = "states") {
  d <- states_data(results, outcome)
  means <- pick(results$sojourns, rule = results$rule, outcome = outcome, model = followed)
  rows <- lapply(split(d, list(d$state, d$group), drop = TRUE), function(x) {
    first <- x[which.min(x$time), ]
    last <- x[which.max(x$time), ]
    mean <- pick(means, stratum = as.character(last$stratum), state = as.character(last$state))[1, ]
    data.frame(group = last$group, state = last$state, start = first$probability, end = last$probability,
      lower = last$lower, upper = last$upper, mean = mean$mean, mean_lower = mean$lower, mean_upper = mean$upper,
      horizon = mean$horizon)
  })
  rows <- do.call(rbind, rows)
  rows[order(rows$group, rows$state), ]
}

alt_states <- function(results, outcome = "states") {
  e <- states_ends(results, outcome)
  e <- e[e$end > 0.0005, ]
  by_group <- split(e, e$group, drop = TRUE)
  what <- if (outcome == "states") "state of knowledge" else "state"
  paste0("Stacked areas of the share of facts in each ", what, " by ", time_word(results$time),
    ". At the end: ", paste(vapply(by_group, function(x) {
      paste0(x$group[1], " ", list_words(paste(x$state, fmt_percent(x$end))))
    }, ""), collapse = "; "), ".")
}

#' One line a group: known without a break, known again, and forgotten at the end. A share of nobody has no interval.
say_states <- function(results) {
  e <- states_ends(results)
  share <- function(x, state) {
    row <- x[x$state == state, ]
    if (!nrow(row)) return("0\u00a0%")
    paste0("**", fmt_percent(row$end), "**", if (row$upper > row$lower) paste0(" (", fmt_percent(row$lower), " to ",
      fmt_percent(row$upper), ")"))
  }
  lines <- vapply(split(e, e$group, drop = TRUE), function(x) {
    paste0("- **", md(as.character(x$group[1])), "**: at the end ", share(x, "known"),
      " had been known without a break since they first were, ", share(x, "reacquired"),
      " had been forgotten and were known again, and ", share(x, "forgotten"), " were forgotten.")
  }, "")
  paste(lines, collapse = "\n")
}

table_states <- function(results, outcome = "states", interval = "95 % interval") {
  e <- states_ends(results, outcome)
  some <- e$start > 0.0005 | e$end > 0.0005 | e$mean > 0.005
  e <- e[some %in% TRUE, ]
  group <- as.character(e$group)
  out <- data.frame(Facts = ifelse(duplicated(group), "", group), State = first_upper(as.character(e$state)),
    "At the start" = fmt_percent(e$start),
    "At the end (95 % interval)" = paste0(fmt_percent(e$end), ifelse(e$upper > e$lower,
      paste0(" (", percent_number(e$lower), "\u2013", percent_number(e$upper), ")"), "")),
    mean = paste0(fmt_number(e$mean), " (", fmt_number(e$mean_lower), "\u2013", fmt_number(e$mean_upper), ")"),
    check.names = FALSE)
  names(out)[5] <- paste("Mean", time_word(results$time, 2), "in it (95 % interval)")
  if (all(is.na(e$mean))) out[[5]] <- NULL # refused where the first to enter are nearly alone
  names(out) <- sub("95 % interval", interval, names(out), fixed = TRUE)
  md_table(out, substr("llrrr", 1, ncol(out)))
}

# A row that has a reason in place of an estimate is of no term: an empty one, which a CSV file has as missing.
with_term <- function(d) nzchar(ifelse(is.na(d$term), "", as.character(d$term)))

percent_number <- function(x) sub("\u00a0%", "", fmt_percent(x), fixed = TRUE)

transition_words <- function(d) paste(first_upper(as.character(d$from)), "\u2192", as.character(d$to))

#' Stays in each state and what became of them, a column per group.
table_transitions <- function(results, outcome = "states") {
  d <- pick(results$transition_counts, rule = results$rule, outcome = outcome, model = followed)
  d$group <- state_group(d)
  rows <- unique(d[c("from", "to")])
  states <- ordered_states(c(as.character(rows$from), setdiff(as.character(rows$to), "censored")))
  rows <- rows[order(match(rows$from, states), match(rows$to, c(states, "censored"))), ]
  out <- data.frame(Transition = ifelse(rows$to == "censored", paste(first_upper(as.character(rows$from)),
    "at the end"), transition_words(rows)))
  for (group in unique(d$group)) {
    own <- d[d$group == group, ]
    own <- own[match_rows(rows, own, c("from", "to")), ]
    out[[group]] <- ifelse(is.na(own$events), "\u2013",
      paste0(fmt_n(own$events), " of ", fmt_n(own$at_risk), " (", fmt_percent(own$events / own$at_risk, 0), ")"))
  }
  md_table(out, paste0("l", strrep("r", ncol(out) - 1)))
}

#' Hazard ratios, a row per transition and a column per predictor.
table_transition_ratios <- function(results, outcome = "states") {
  d <- pick(results$transition_coefficients, rule = results$rule, outcome = outcome, model = "multi-state",
    method = "cause-specific")
  estimated <- d[with_term(d), ]
  if (!nrow(estimated)) return(md_table(estimated))
  terms <- setdiff(unique(as.character(estimated$term)), many_levels(estimated$term))
  rows <- d[!duplicated(d[c("from", "to")]), ]
  out <- data.frame(Transition = transition_words(rows), Events = fmt_n(rows$events))
  heads <- apart(term_words(estimated[match(terms, estimated$term), ]), terms)
  for (term in terms) {
    own <- estimated[as.character(estimated$term) == term, ]
    own <- own[match_rows(rows, own, c("from", "to")), ]
    out[[heads[match(term, terms)]]] <- fmt_hr(own$hr, own$lower, own$upper, own$infinite)
  }
  md_table(out, paste0("lr", strrep("r", length(terms))))
}

# Terms of factors with more than three coefficients: a column for each level would leave no room for the others.
many_levels <- function(terms, most = 3) {
  terms <- unique(as.character(terms))
  column <- column_of(terms)
  terms[column %in% names(which(table(column) > most))]
}

#' What every transition is adjusted for beside the columns of the table.
say_also_adjusted <- function(results, outcome) {
  d <- pick(results$transition_coefficients, rule = results$rule, outcome = outcome, method = "cause-specific")
  columns <- unique(column_of(many_levels(d$term)))
  if (!length(columns)) return("")
  paste0("Adjusted for ", list_words(md(lower_first(predictor_words(columns)))), " as well, whose many levels have no ",
    "room here. ")
}

#' Transitions without an estimate, and why.
say_transition_reasons <- function(results, outcome = "states", model = "multi-state") {
  d <- pick(results$transition_coefficients, rule = results$rule, outcome = outcome, model = model,
    method = "cause-specific", status = c("not estimable", "failed"))
  open <- pick(results$transition_coefficients, outcome = outcome, rule = results$rule, model = model)
  open <- open[nzchar(doubt_of(open)), ]
  open <- open[!duplicated(open[c("from", "to", "method")]), ]
  each <- function(x, why) {
    how <- ifelse(as.character(x$method) == "subdistribution", ", share", "")
    paste0(md(lower_first(transition_words(x))), how, " (", md(why), ")", collapse = "; ")
  }
  paste(c(
    if (nrow(d)) paste0("Without an estimate: ", each(d, d$reason), "."),
    if (nrow(open)) paste0("In doubt, so do not rely on any of its ratios: ", each(open, doubt_of(open)), ".")
  ), collapse = " ")
}

# What drives the first step: the rate of each kind of step, and the share of facts that end up taking it.
table_first_step <- function(results, outcome = "first-step") {
  d <- pick(results$transition_coefficients, rule = results$rule, outcome = outcome, model = "competing-risks")
  d <- d[with_term(d), ]
  terms <- unique(as.character(d$term))
  out <- data.frame(Predictor = term_words(d)[match(terms, d$term)])
  for (to in ordered_states(d$to)) for (method in c("cause-specific", "subdistribution")) {
    own <- d[d$to == to & d$method == method, ]
    own <- own[match(terms, as.character(own$term)), ]
    name <- paste0("To ", to, ": ", c("cause-specific" = "rate", subdistribution = "share")[[method]])
    out[[name]] <- fmt_hr(own$hr, own$lower, own$upper, own$infinite)
  }
  md_table(out, paste0("l", strrep("r", ncol(out) - 1)))
}

first_steps <- function(results, outcome = "first-step") {
  pick(results$transition_coefficients, rule = results$rule, outcome = outcome, model = "competing-risks",
    method = "subdistribution")
}

#' The outcomes that the states of a study add: a table of one's own may call an outcome of its own so.
steps_of_states <- function(results) setdiff(c("first-step", "forgetting"), results$outcomes)

#' Of an outcome of a table of one's own: events that repeat, compete, or change a state; what was not fitted says why.
several_section <- function(results, outcome) {
  has <- function(table, ...) nrow(pick(results[[table]], outcome = outcome, rule = results$rule, ...)) > 0
  ratios <- has("transition_coefficients", model = "multi-state")
  c(
    piece_if(nrow(forgetting_data(results, outcome)), "repeated", outcome = outcome),
    piece_if(ratios, "own-transitions", outcome = outcome),
    piece_if(nrow(first_steps(results, outcome)), "causes", outcome = outcome),
    callouts_of(results, outcome, state_models)
  )
}

say_own_states <- function(results, outcome) {
  competing <- nrow(pick(results$fits, outcome = outcome, model = "competing-risks")) > 0
  if (!competing) {
    return(paste0("Facts move between states here, and the parts above see only the first change of each. Where they ",
      "are at which time is the share in each state; where facts leave a state again, its share alone says little, ",
      "and the table of changes says what becomes of them."))
  }
  paste0("Any of several events can happen, and the first precludes the others; the parts above count whichever came. ",
    "The share that has ended in each cause allows for the others, which one minus a Kaplan\u2013Meier curve of a ",
    "single cause does not: that would say too much.")
}

#' Of a model of one's own: a row per transition, method and predictor; or the reason why there is none.
table_model_transitions <- function(results, task) {
  d <- of_model(results, "transition_coefficients", task)
  none <- !with_term(d)
  method <- ifelse(d$method == "subdistribution", "share", "rate")
  predictor <- ifelse(none, as.character(d$reason), paste0(predictor_words(d$term), ", ", as.character(d$unit)))
  md_table(with_interval(data.frame(Transition = transition_words(d), Of = method,
    Events = fmt_n(d$events), Predictor = predictor,
    "Hazard ratio (95 % interval)" = ifelse(none, "no estimate", fmt_hr(d$hr, d$lower, d$upper, d$infinite)),
    p = fmt_p_value(d$p), check.names = FALSE), results, task), "llrlrr")
}
