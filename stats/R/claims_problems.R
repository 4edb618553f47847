# What can be found wrong with the claims of a plan before any work, and what they leave to defaults.

#' What is wrong with the claims of a plan
#'
#' @inheritParams judge_claims
#' @param columns named list: the columns of each table, or NULL where they are not known yet.
#' @return A list of problems as that of [model_problems()], without `name`.
#' @export
claim_problems <- function(claims, plan, columns = NULL) {
  found <- lapply(seq_along(claims), function(i) {
    problem <- function(key, what, remedy) list(number = i, key = key, what = what, remedy = remedy)
    one_claim_problems(claims[[i]], plan, columns, problem)
  })
  unlist(found, recursive = FALSE)
}

one_claim_problems <- function(claim, plan, columns, problem) {
  unknown <- function(key, what, name, known) {
    list(problem(key, sprintf("there is no %s '%s'; the nearest is '%s'", what, name, nearest(name, known)),
                 paste("choose among:", toString(known))))
  }
  expected <- if (is.null(claim_bounds(claim$expect))) {
    list(problem("expect", sprintf("'%s' is no expectation", claim$expect),
                 "write \"> 1\", \"< 0.1\" (or \"< 10 %\"), or \"between 0.5 and 1.1\", the smaller number first"))
  }
  quantity <- claim_quantities()[[claim$quantity]]
  if (is.null(quantity)) {
    return(c(unknown("quantity", "quantity", claim$quantity, names(claim_quantities())), expected))
  }
  bounds <- claim_bounds(claim$expect)
  ends <- as.numeric(c(bounds$from, bounds$to)) # none of what is no expectation
  if (quantity$scale %in% c("share", "points") && any(is.finite(ends) & abs(ends) > 1)) {
    expected <- list(problem("expect", sprintf("'%s' of a share, which is 1 at most", claim$expect),
                             "write 60 % or 0.6"))
  }
  # A table of one's own holds events and nothing that was probed.
  if (isTRUE(quantity$measured) && !isTRUE(plan$history)) {
    return(c(list(problem("quantity", sprintf("'%s' is of studies, whose facts are probed", claim$quantity),
                          "take one of events: hazard ratio, incidence, difference of restricted means")), expected))
  }
  if (length(columns) && length(setdiff(quantity$instrument, names(columns)))) {
    return(c(list(problem("quantity", sprintf("'%s' is of the instrument '%s', which this study does not use",
                                              claim$quantity, quantity$instrument),
                          "add it to instruments under [probe]")), expected))
  }
  set <- setdiff(names(Filter(function(value) length(value) > 0L, claim)), c("text", "quantity", "expect", "paper"))
  stray <- lapply(setdiff(set, quantity$keys), function(key) {
    problem(key, sprintf("'%s' does not use the key '%s'", claim$quantity, key),
            paste("leave it out; it uses", toString(quantity$keys)))
  })
  lacking <- lapply(setdiff(quantity$needs, set), function(key) {
    problem(key, sprintf("'%s' needs it", claim$quantity), paste("set", key))
  })
  if (length(stray) || length(lacking)) return(c(expected, stray, lacking))
  c(expected, claim_key_problems(complete_claim(claim, plan), quantity, plan, columns, problem, unknown))
}

# Names that the plan or the tables would have to know.
claim_key_problems <- function(claim, quantity, plan, columns, problem, unknown) {
  found <- list()
  if ("outcome" %in% quantity$keys) {
    of_states <- unlist(lapply(plan$models, `[[`, "outcome"))
    known <- unique(c(texts(plan$outcomes), if (isTRUE(plan$history)) "forgetting", texts(of_states)))
    if (!length(claim$outcome)) {
      return(list(problem("outcome", "there are several outcomes", paste("choose among:", toString(known)))))
    }
    if (!claim$outcome %in% known) return(unknown("outcome", "outcome", claim$outcome, known))
    if (!claim$rule %in% texts(plan$rules)) found <- unknown("rule", "event rule", claim$rule, texts(plan$rules))
  }
  if ("model" %in% quantity$keys) {
    own <- Filter(function(model) model$outcome == claim$outcome, plan$models)
    known <- c(ratio_models, vapply(own, `[[`, "", "name"))
    if (!claim$model %in% known) return(c(found, unknown("model", "model", claim$model, known)))
  }
  if ("term" %in% quantity$keys && !isTRUE(quantity$settings)) {
    found <- c(found, claim_term_problems(claim, quantity, plan, columns, unknown))
  }
  if (isTRUE(nzchar(claim$by))) {
    known <- if (isTRUE(quantity$measured)) measured_columns(columns) else
      union(texts(plan$curves_by[[claim$outcome]]), "arm")
    if (length(quantity$groupings)) known <- quantity$groupings
    if (length(known) && !claim$by %in% known) found <- c(found, unknown("by", "grouping", claim$by, known))
    if (!"reference" %in% quantity$keys && !length(claim$group)) {
      found <- c(found, list(problem("group", "by alone says no group", "set group, or leave by out")))
    }
  } else if (length(claim$group)) {
    found <- c(found, list(problem("by", "a group is of a column", "set by, or leave group out")))
  }
  found
}

claim_term_problems <- function(claim, quantity, plan, columns, unknown) {
  if (isTRUE(quantity$measured)) {
    known <- measured_columns(columns)
  } else if (!length(claim$model) || claim$model %in% ratio_models) {
    known <- union(texts(plan$covariates[[claim$outcome]]), "arm")
    if (claim$outcome == "forgetting") known <- union(texts(plan$states$covariates), "arm")
    if (identical(claim$model, "cox-history")) known <- c(known, "margin_now")
  } else { # a part of the formula, as it is written there
    model <- Filter(function(model) model$name == claim$model, plan$models)[[1L]]
    parsed <- parse_formula(model$formula, model$names)
    known <- unique(c(parsed$columns, trimws(strsplit(parsed$text, " + ", fixed = TRUE)[[1L]])))
  }
  if (!length(known) || !length(claim$term) || claim$term %in% known) return(list())
  unknown("term", "term", claim$term, known)
}

# What is known of a fact in a run, beside its states.
measured_columns <- function(columns) {
  setdiff(texts(columns$transitions), c("run", "seed", "fact_id", "rule", "start", "stop", "from", "to", "enum", "gap"))
}

# Standard models whose coefficients are log hazard ratios.
ratio_models <- c(
  "cox", "cox-univariable", "cox-firth", "cox-stratified", "cox-history", "cox-arms", "cloglog", "interval", "coxme",
  "frailty-gamma", "frailty-fact", "arms", "andersen-gill"
)

# A claim with its defaults: the only outcome, the primary rule, the main predictor, the adjusted Cox model; of recipes
# the comparison that counts seeds.
complete_claim <- function(claim, plan) {
  claim <- Filter(function(value) length(value) > 0L, claim)
  keys <- claim_quantities()[[claim$quantity]]$keys
  if (length(plan$outcomes) == 1L && "outcome" %in% keys) claim$outcome <- c(claim$outcome, texts(plan$outcomes))[[1L]]
  use <- function(key, value) {
    given <- c(claim[[key]], value)
    if (key %in% keys && length(given)) given[[1L]]
  }
  main <- if (length(claim$outcome)) texts(plan$covariates[[claim$outcome]])
  measured <- isTRUE(claim_quantities()[[claim$quantity]]$measured)
  first <- if (!"reference" %in% keys || measured) "" else texts(plan$curves_by[[paste(claim$outcome, collapse = "")]])
  claim$rule <- use("rule", texts(plan$rules))
  claim$term <- use("term", main)
  usual <- if (identical(claim$term, "arm")) "arms" else if (identical(claim$outcome, "forgetting")) "andersen-gill"
  claim$model <- use("model", c(usual, "cox")[[1L]])
  claim$by <- use("by", c(first, "")[[1L]])
  claim$at <- use("at", "end")
  claim
}
