#' What a claim may be about beyond events: values that every fact of a run has at a checkpoint
#'
#' A measure `x` is four quantities of a claim: its mean (`x`), `difference of x` between groups, and over the facts
#' `slope of x` and `R2 of x` against a number that is known of each (one value a fact: the mean of its runs).
#'
#' @return A named list of lists: `reads` (tables), `share` (is a value 0 or 1?) and `values`: a function of the tables,
#'   the claim and the plan that returns a data.frame of one row a fact and run: `run`, `arm`, `fact_id`, `split`,
#'   `value`, and columns that make groups or explain it.
#' @export
claim_measures <- function() {
  list(
    recall = list(reads = "transitions", share = TRUE, values = recall_values),
    "mean rank" = instrument_measure("rank", "rank"),
    "mean confidence" = instrument_measure("confidence", "answer_p"),
    "mean attention" = instrument_measure("attention", "greatest")
  )
}

measure_quantities <- function(name) {
  measure <- claim_measures()[[name]]
  number <- if (measure$share) c("share", "points") else c("number", "number")
  groups <- c("at", "split", "by", "group")
  entry <- function(words, value, scale, keys, needs = character()) {
    list(words = words, keys = keys, needs = needs, scale = scale, reads = measure$reads, measured = TRUE,
         instrument = measure$instrument,
         value = function(tables, claim, plan) value(measure_rows(measure, tables, claim, plan), claim, plan, measure))
  }
  stats::setNames(list(
    entry(sprintf("%s of the facts (at: end or baseline)", name), claimed_mean, number[[1L]], groups),
    entry(sprintf("%s, a group minus its reference", name), claimed_difference, number[[2L]],
          c(groups, "reference"), "by"),
    entry(sprintf("slope of the line of %s over a number, per unit of it", name), claimed_slope, "number",
          c(groups, "term"), "term"),
    entry(sprintf("share of the variance of %s that the line over a number explains", name), claimed_r2, "share",
          c(groups, "term"), "term")
  ), c(name, paste(c("difference of", "slope of", "R2 of"), name)))
}

# The rows of the split.
measure_rows <- function(measure, tables, claim, plan) {
  data <- measure$values(tables, claim, plan)
  if (length(claim$split)) data <- take_rows(data, data$split == claim$split)
  data <- take_rows(data, !is.na(data$value))
  if (n_distinct(data$fact_id) < 2L) no_estimate("fewer than two facts were measured so")
  data
}

# Was the fact recalled? Under the rule `first` a state is what the probe itself shows.
recall_values <- function(tables, claim, plan) {
  stays <- tables$transitions
  rule <- c(intersect("first", as.character(stays$rule)), plan$rules)[[1L]]
  stays <- take_rows(stays, as.character(stays$rule) == rule)
  if (!nrow(stays)) no_estimate("the states of knowledge have no rows")
  stays <- stays[order(stays$run, stays$fact_id, stays$start), ]
  last <- claim$at != "baseline"
  stays <- take_rows(stays, !duplicated(row_patterns(stays, c("run", "fact_id")), fromLast = last))
  state <- as.character(stays$from)
  if (last) state <- ifelse(stays$to == "censored", state, as.character(stays$to))
  stays$value <- as.numeric(state %in% c("known", "reacquired"))
  stays
}

# A column of an instrument's table at its first or last checkpoint of each run, with what is known of the facts. Where
# it has rows for layers, their mean.
instrument_measure <- function(table, column) {
  values <- function(tables, claim, plan) {
    rows <- tables[[table]]
    at <- stats::ave(rows$checkpoint, as.character(rows$run), FUN = if (claim$at == "baseline") min else max)
    rows <- take_rows(rows, rows$checkpoint == at)
    facts <- take_at(tables$facts, rows, "fact_id")
    before <- take_at(tables$baseline, rows, c("run", "fact_id"))
    data.frame(facts, rows[c("run", "arm")], latent = before$latent, logp0 = before$logp,
               value = as.numeric(rows[[column]]), row.names = NULL)
  }
  list(reads = c(table, "facts", "baseline"), instrument = table, share = FALSE, values = values)
}

# The row of a table for each of others, by columns of both.
take_at <- function(table, rows, keys) {
  of <- function(data) do.call(paste, c(lapply(keys, function(key) as.character(data[[key]])), sep = "\r"))
  table[match(of(rows), of(table)), , drop = FALSE]
}

# The groups that `by` makes, as curves have them: a yes or no, thirds of a number, or levels.
measure_groups <- function(data, claim) {
  if (!claim$by %in% names(data)) {
    no_estimate(sprintf("there is no column '%s'; the nearest is '%s'", claim$by, nearest(claim$by, names(data))))
  }
  grouped_by(data, claim$by)$value
}

in_group <- function(data, claim) {
  if (!nzchar(claim$by)) return(data)
  groups <- measure_groups(data, claim)
  take_rows(data, groups == claim_group(groups, claim$group, claim$by))
}

claimed_mean <- function(data, claim, plan, measure) {
  data <- in_group(data, claim)
  found <- mean_limits(data$value, data$fact_id, plan$conf, measure$share)
  claim_value(found$mean, found$lower, found$upper, claimed_facts(claim, claim$group))
}

# Of the difference, the limits of both means and how these go together are enough (Zou and Donner 2008, Statistics in
# Medicine 27:1693): it stays within what shares can differ by, and has a width where all or none are recalled.
claimed_difference <- function(data, claim, plan, measure) {
  groups <- measure_groups(data, claim)
  pair <- claim_pair(groups, claim)
  each <- lapply(pair, function(level) {
    own <- take_rows(data, groups == level)
    c(mean_limits(own$value, own$fact_id, plan$conf, measure$share), list(rows = own))
  })
  limits <- difference_limits(each[[1L]], each[[2L]])
  seeds <- if (claim$by == "arm") seed_limits(each, plan$conf)
  claim_value(
    each[[1L]]$mean - each[[2L]]$mean, min(limits[[1L]], seeds$lower), max(limits[[2L]], seeds$upper),
    claimed_facts(claim, paste(pair, collapse = " vs ")), reason = paste0(seeds$said)
  )
}

# A line through one value a fact.
fact_line <- function(data, claim) {
  data <- in_group(data, claim)
  if (!claim$term %in% names(data)) {
    no_estimate(sprintf("there is no column '%s'; the nearest is '%s'", claim$term, nearest(claim$term, names(data))))
  }
  if (!is.numeric(data[[claim$term]])) no_estimate(sprintf("%s is no number: there is no line over it", claim$term))
  data <- take_rows(data, is.finite(data[[claim$term]]))
  of_fact <- function(value) as.vector(tapply(value, as.character(data$fact_id), mean))
  x <- of_fact(data[[claim$term]])
  y <- of_fact(data$value)
  if (length(x) < 4L || stats::sd(x) == 0 || stats::sd(y) == 0) {
    no_estimate(sprintf("%d facts in which %s and what it is to explain do not both vary", length(x), claim$term))
  }
  list(x = x - mean(x), y = y - mean(y))
}

# Errors robust to unequal variances (White 1980, Econometrica 48:817), which those of shares are.
claimed_slope <- function(data, claim, plan, measure) {
  line <- fact_line(data, claim)
  slope <- sum(line$x * line$y) / sum(line$x^2)
  se <- sqrt(sum((line$x * (line$y - slope * line$x))^2)) / sum(line$x^2)
  half <- stats::qnorm(1 - (1 - plan$conf) / 2) * se
  claim_value(slope, slope - half, slope + half, claimed_facts(claim, paste("over", claim$term)))
}

# The interval is that of Fisher's z, with the error of the correlation's influence function, squared.
claimed_r2 <- function(data, claim, plan, measure) {
  line <- fact_line(data, claim)
  x <- line$x / sqrt(mean(line$x^2))
  y <- line$y / sqrt(mean(line$y^2))
  r <- mean(x * y)
  se <- sqrt(mean((x * y - r * (x^2 + y^2) / 2)^2) / length(x))
  ends <- tanh(atanh(r) + c(-1, 1) * stats::qnorm(1 - (1 - plan$conf) / 2) * se / (1 - r^2))
  squares <- range(ends^2)
  lower <- if (isTRUE(prod(ends) < 0)) 0 else squares[[1L]]
  claim_value(r^2, lower, squares[[2L]], claimed_facts(claim, paste("over", claim$term)))
}

# Which facts, when, and what of them.
claimed_facts <- function(claim, what) {
  groups <- if (length(what) && nzchar(what)) paste0(paste0(claim$by, ": ")[nzchar(claim$by)], what)
  when <- if (claim$at == "baseline") "before training" else "at the end"
  paste(c(if (length(claim$split)) paste(claim$split, "facts"), when, groups), collapse = ", ")
}
