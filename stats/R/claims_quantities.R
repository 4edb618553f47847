#' Quantities that a claim may be about
#'
#' One entry a quantity. What a study measures beyond its events brings four by itself (see [claim_measures()]).
#'
#' @return A named list of lists: `words` (what it is), `keys` (those of a claim that it uses beside `text`, `quantity`,
#'   `expect` and `paper`), `needs` (those of them without a default), `scale` (how a number is written: `ratio`,
#'   `share`, `points` (difference of shares), `time` or `number`), `reads` (tables), and `value`: a function of the
#'   tables, the completed claim and the plan that returns a `claim_value()`, or ends with `no_estimate()`.
#' @export
claim_quantities <- function() {
  of_term <- c("outcome", "rule", "model", "term", "level")
  of_groups <- c("outcome", "rule", "by", "group", "reference")
  fixed <- list(
    "hazard ratio" = list(
      words = "hazard ratio of a term in an outcome and model", keys = of_term, scale = "ratio",
      reads = c("fits", "coefficients", "arms", "zph_tests", "influence"), value = claimed_hazard_ratio
    ),
    "time ratio" = list(
      words = "acceleration factor of a term (0.5: half the time)", keys = setdiff(of_term, "model"), scale = "ratio",
      reads = c("fits", "aft"), value = claimed_time_ratio
    ),
    incidence = list(
      words = "share to which the outcome has happened by the end of follow-up, of all or of a group",
      keys = setdiff(of_groups, "reference"), scale = "share", reads = c("fits", "curves"), value = claimed_incidence
    ),
    "difference of restricted means" = list(
      words = "mean time without the event up to the horizon, a group minus its reference", keys = of_groups,
      scale = "time", reads = c("fits", "rmst"), value = claimed_means
    )
  )
  of_measures <- unlist(unname(lapply(names(claim_measures()), measure_quantities)), recursive = FALSE)
  c(fixed, paired_quantities(), pool_quantities(), count_quantities(), of_measures)
}

# The rows of a table with these values; NULL stands for any.
claimed_rows <- function(table, ...) {
  for (name in ...names()) {
    value <- list(...)[[name]]
    if (!is.null(value)) table <- take_rows(table, as.character(table[[name]]) %in% value)
  }
  table
}

# The fits of a standard model, or of an entry of [[analysis.model]] by its name.
claimed_fits <- function(fits, claim, model) {
  own <- claimed_rows(fits, outcome = claim$outcome, rule = claim$rule)
  named <- paste(own$name)
  own <- take_rows(own, ifelse(named %in% c("", "NA"), as.character(own$model), named) == model)
  if (!nrow(own)) {
    no_estimate(sprintf("the results hold no fit '%s' of %s under the rule '%s'", model, claim$outcome, claim$rule))
  }
  own
}

# Why a fit gives no row of what was asked.
why_none <- function(fits, what) {
  said <- unique(as.character(fits$reason))
  no_estimate(paste(c(what, said[!is.na(said) & nzchar(said)]), collapse = ": "))
}

claimed_hazard_ratio <- function(tables, claim, plan) {
  if (claim$model == "arms") return(claimed_arm(tables, claim))
  value <- claimed_ratio(tables, claim)
  if (claim$model == "cox") value$without <- claimed_without(tables$influence, claim)
  value
}

# The same ratio without the facts that it rests on most; of the first covariate only, see influence_tables().
claimed_without <- function(influence, claim) {
  rows <- claimed_rows(influence, outcome = claim$outcome, rule = claim$rule, aspect = "facts")
  rows <- take_rows(rows, rows$term %in% c(claim$term, term_names(claim$term)) & is.finite(rows$hr_without))
  if (!nrow(rows)) return(NULL)
  claim_value(rows$hr_without[[1L]], rows$lower[[1L]], rows$upper[[1L]], toString(rows$unit))
}

claimed_ratio <- function(tables, claim) {
  found <- captured(term_value(tables, claim, claim$model, "coefficients", "hr"))
  plain <- found$value
  if (claim$model == "cox" && (is.null(plain) || nzchar(plain$doubt))) {
    instead <- captured(term_value(tables, claim, "cox-firth", "coefficients", "hr"))$value
    if (!is.null(instead) && !nzchar(instead$doubt)) {
      why <- if (is.null(plain)) found$error else plain$doubt
      why <- sub(". The penalised (Firth) model beside it has a finite one", "", why, fixed = TRUE)
      said <- as.character(claimed_rows(tables$fits, task = instead$task)$reason) # such as rows taken as independent
      instead$reason <- paste(c(paste0("judged by the penalised (Firth) model, because of the plain one: ", why),
                                said[!is.na(said) & nzchar(said)]), collapse = "; ")
      return(instead)
    }
  }
  if (is.null(plain)) stop(found$condition)
  if (ratio_changes(tables$zph_tests, plain$task, claim$term)) {
    plain$reason <- paste(c(plain$reason[nzchar(plain$reason)], "an average: the ratio changes with time"),
                          collapse = "; ")
  }
  plain
}

# By the test of proportional hazards, p corrected for the number of terms (Holm).
ratio_changes <- function(tests, task, term) {
  own <- claimed_rows(tests, task = task)
  own <- take_rows(own, !own$term %in% "GLOBAL" & own$transform %in% c(as.character(own$transform), NA)[[1L]])
  any(stats::p.adjust(own$p, "holm")[own$term %in% c(term, term_names(term))] < 0.05, na.rm = TRUE)
}

claimed_time_ratio <- function(tables, claim, plan) {
  tables$aft <- take_rows(tables$aft, tables$aft$chosen %in% TRUE)
  term_value(tables, claim, "aft", "aft", "time_ratio")
}

# One row of a table of coefficients: the term itself, or the level of a factor.
term_value <- function(tables, claim, model, table, column) {
  fits <- claimed_fits(tables$fits, claim, model)
  rows <- claimed_rows(tables[[table]], task = as.character(fits$task))
  name <- term_names(claim$term)
  term <- as.character(rows$term)
  own <- take_rows(rows, term %in% c(claim$term, name) | startsWith(term, paste0(name, ":")))
  if (!nrow(own)) why_none(fits, sprintf("%s has no estimate of %s", model, claim$term))
  level <- sub(" vs .*$", "", own$unit)
  if (length(claim$level)) own <- take_rows(own, level == claim$level)
  if (nrow(own) != 1L) {
    has <- if (nrow(own)) "several levels" else sprintf("no level '%s' with a ratio of its own", claim$level)
    no_estimate(sprintf("%s has %s: set level to one of %s", claim$term, has, toString(level)))
  }
  fit <- claimed_rows(fits, task = as.character(own$task))
  doubt <- c(as.character(fit$doubt), "it has no finite estimate"[own$infinite %in% TRUE])
  claim_value(own[[column]], own$lower, own$upper, as.character(own$label), model, as.character(own$task),
              doubt = paste(doubt[!is.na(doubt) & nzchar(doubt)], collapse = "; "))
}

# A recipe against the first one, with runs as random: seeds are what recipes are compared over.
claimed_arm <- function(tables, claim) {
  fits <- claimed_fits(tables$fits, claim, "arms")
  rows <- claimed_rows(tables$arms, task = as.character(fits$task), arm = claim$level)
  if (!nrow(rows)) why_none(fits, "the recipes have no ratio")
  if (nrow(rows) > 1L) no_estimate(paste("there are several recipes: set level to one of", toString(rows$arm)))
  doubt <- c(as.character(fits$doubt), "it has no finite estimate"[rows$infinite %in% TRUE])
  claim_value(rows$hr, rows$lower, rows$upper, paste("arm:", rows$arm, "vs", rows$reference), "arms",
              as.character(rows$task), doubt = paste(doubt[!is.na(doubt) & nzchar(doubt)], collapse = "; "))
}

claimed_incidence <- function(tables, claim, plan) {
  fits <- claimed_fits(tables$fits, claim, "km")
  rows <- claimed_rows(tables$curves, task = as.character(fits$task))
  own <- take_rows(rows, paste(rows$by) == claim$by)
  if (!nrow(own)) why_none(fits, paste("there is no curve by", claim$by))
  if (nzchar(claim$by)) own <- take_rows(own, own$stratum == claim_group(own$stratum, claim$group, claim$by))
  last <- take_rows(own, own$time == max(own$time))
  limits <- c(last$incidence_lower, last$incidence_upper)
  # Where it happened to nobody, or to everybody, a curve has no error; so many facts are an interval all the same.
  flat <- last$incidence %in% c(0, 1)
  if (flat) {
    runs <- fits$runs[as.character(fits$task) == as.character(last$task)]
    if (claim$by == "arm") runs <- runs / n_distinct(take_rows(rows, rows$by %in% "arm")$stratum) # as many seeds each
    facts <- max(1, own$n_risk[[which.min(own$time)]] / max(1, runs))
    limits <- wilson(last$incidence, facts, stats::qnorm(1 - (1 - plan$conf) / 2))
  }
  whose <- if (nzchar(claim$by)) paste0(claim$by, ": ", claim$group) else "all"
  claim_value(last$incidence, limits[[1L]], limits[[2L]], whose, "km", as.character(last$task),
              reason = "its interval is Wilson's, of the number of facts"[flat])
}

claimed_means <- function(tables, claim, plan) {
  fits <- claimed_fits(tables$fits, claim, "rmst")
  rows <- claimed_rows(tables$rmst, task = as.character(fits$task), by = claim$by, axis = "time")
  if (!nrow(rows)) why_none(fits, paste("there are no restricted means by", claim$by))
  levels <- c(as.character(rows$reference[[1L]]), as.character(rows$group))
  pair <- claim_pair(factor(levels, levels), claim)
  if (all(pair != levels[[1L]])) no_estimate(paste("means are compared with those of", levels[[1L]]))
  own <- take_rows(rows, rows$group == setdiff(pair, levels[[1L]]))
  sign <- if (pair[[1L]] == levels[[1L]]) -1 else 1
  ends <- sort(sign * c(own$lower, own$upper), na.last = TRUE)
  claim_value(sign * own$difference, ends[[1L]], ends[[2L]],
              sprintf("%s: %s vs %s", claim$by, pair[[1L]], pair[[2L]]), "rmst", as.character(own$task),
              reason = "counts facts, not seeds"[claim$by == "arm"],
              doubt = "nothing happened in these groups"[!isTRUE(own$se > 0)])
}

# The level that a claim means, or why there is none.
claim_group <- function(levels, group, by) {
  known <- if (is.factor(levels)) levels(droplevels(levels)) else unique(as.character(levels))
  if (!group %in% known) {
    no_estimate(sprintf("%s has no group '%s'; the nearest is '%s'", by, group, nearest(group, known)))
  }
  group
}

# Group and reference: as named, else the last level against the first.
claim_pair <- function(value, claim) {
  known <- levels(value)
  if (length(known) < 2L) no_estimate(sprintf("%s is constant: there is nothing to compare", claim$by))
  named <- function(key, default) if (length(claim[[key]])) claim_group(value, claim[[key]], claim$by) else default
  reference <- named("reference", known[[1L]])
  c(named("group", utils::tail(setdiff(known, reference), 1L)), reference)
}
