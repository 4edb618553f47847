# Scenarios of the recovery study. `simulate`: arguments of simulate_learning(). `methods`: what is fitted. `targets`:
# quantity -> the value that is estimated where that is not a simulated parameter: a number, or "limit" (what the same
# method gives on 200,000 facts, where the model is wrong by design and the truth is not one number). `words`: what
# happens and why. `replicates`: of the full study.

# nolint start: object_usage_linter. The methods are in the file beside this one.
scenarios <- function() {
  usual <- list(facts = 300L, log_hr = c(latent = log(2), popularity = 0.3))
  scenario <- function(words, simulate, methods, targets = list(), replicates = 200L) {
    list(words = words, simulate = utils::modifyList(usual, simulate), methods = methods, targets = targets,
         replicates = replicates)
  }
  list(
    base = scenario(
      "Proportional hazards, 300 facts in one run, 12 probes: the case that the models are made for.",
      list(), list(efron, breslow, grouped, mean_time, schoenfeld), list("latent: difference" = "limit"), 400L
    ),
    null = scenario(
      "No effect at all: `rejected` is the size of the tests, which should be 0.05.",
      list(log_hr = c(latent = 0, popularity = 0)), list(efron, grouped, mean_time, score, schoenfeld),
      list("latent: difference" = 0), 400L
    ),
    sparse = scenario(
      paste("The same hazards seen by four probes at epochs 1, 3, 6 and 12. Efron's rule spreads tied events evenly",
            "over the risk set; with a fifth and more of the facts in one tie that is no longer quite true. The",
            "cloglog and interval-censored likelihoods are those of grouped times."),
      list(checkpoints = c(1, 3, 6, 12), curve = 1 - exp(-0.1 * c(1, 3, 6, 12))),
      list(efron, breslow, grouped, intervals), list(), 400L
    ),
    ties = scenario(
      "The same hazards seen by two probes: nearly every event is tied with a hundred others.",
      list(checkpoints = c(6, 12), curve = 1 - exp(-0.1 * c(6, 12))),
      list(efron, breslow, grouped, intervals), list(), 400L
    ),
    few = scenario(
      paste("80 facts, some 13 events for two coefficients: below what the usual approximations are made for. Firth's",
            "penalty shrinks a little, varies less, and always answers; its intervals are those of the profile."),
      list(facts = 80L, curve = 1 - exp(-0.01 * 1:12)), list(efron, firth)
    ),
    separated = scenario(
      paste("120 facts, some 7 events: in one sample of twenty only latent facts are among them, or none, and the Cox",
            "estimate is infinite (*failed*: its line is about the other samples only, which flatters it). Firth's",
            "penalty answers in all of them."),
      list(facts = 120L, curve = 1 - exp(-0.004 * 1:12)), list(efron, firth)
    ),
    repeated = scenario(
      paste("150 facts in three runs each; some facts are easier than their covariates explain (Gaussian variance",
            "0.5). The Cox model without random effects estimates a marginal hazard ratio, which lies nearer to 1",
            "(target: its limit); its errors are right only when they are robust by fact. coxme estimates the",
            "simulated, conditional one."),
      list(facts = 150L, seeds = 3L, variance = c(fact = 0.5)), list(by_row, by_fact, mixed("fact_id")),
      list("Cox, model-based errors" = "limit", "Cox, robust errors by fact" = "limit", "variance of fact_id" = 0.5)
    ),
    groups = scenario(
      "240 facts in 20 groups whose log hazards vary (Gaussian, variance 0.3).",
      list(facts = 240L, groups = 20L, variance = c(group = 0.3)), list(efron, mixed("group", profile = TRUE)),
      list("variance of group" = 0.3)
    ),
    gamma = scenario(
      "The same with gamma frailties of variance 0.3, fitted by the profile likelihood.",
      list(facts = 240L, groups = 20L, variance = c(group = 0.3), frailty = "gamma"), list(efron, gamma_of("group")),
      list("variance of group" = 0.3)
    ),
    alike = scenario(
      "20 groups that do not differ: the size of the likelihood ratio test at the boundary.",
      list(facts = 240L, groups = 20L), list(boundary("group"), gamma_of("group")),
      list("variance of group" = 0), 200L
    ),
    crossed = scenario(
      "60 facts in 12 groups (variance 0.3), each in 8 runs (variance 0.1): two crossed random effects.",
      list(facts = 60L, groups = 12L, seeds = 8L, variance = c(group = 0.3, run = 0.1)), list(mixed(c("group", "run"))),
      list("variance of group" = 0.3, "variance of run" = 0.1)
    ),
    change = scenario(
      paste("A hazard ratio of 3 that ends at epoch 4. There is no one hazard ratio: the Cox model averages over the",
            "event times (target: its limit, which depends on the time followed). `rejected` of the Schoenfeld test is",
            "its power. The thirds of the events and the restricted mean say what happened. The thirds end at whole",
            "epochs that differ between samples, so the second one, in which the change lies, has no target of its own",
            "but that of a very large sample."),
      list(log_hr = c(latent = log(3), popularity = 0.3), change = list(term = "latent", time = 4, to = 0)),
      list(efron, schoenfeld, thirds, mean_time),
      list(latent = "limit", popularity = "limit", "latent, third 1" = "limit", "latent, third 2" = "limit",
           "latent, third 3" = "limit", "latent: difference" = "limit")
    ),
    drift = scenario(
      "A log hazard ratio that falls in proportion to log time, from log 3 at epoch 1 to nothing at epoch 12.",
      list(log_hr = c(latent = log(3), popularity = 0.3),
           change = list(term = "latent", slope = -1 / log(12))),
      list(efron, schoenfeld, thirds, mean_time),
      list(latent = "limit", popularity = "limit", "latent, third 1" = "limit", "latent, third 2" = "limit",
           "latent, third 3" = "limit", "latent: difference" = "limit")
    ),
    cure = scenario(
      paste("Three in ten facts never learn, whatever their covariates; hazards are proportional among the others. At",
            "late times the risk sets of both groups hold more and more facts that cannot learn, and latent facts the",
            "sooner: the Cox model estimates less than the simulated effect (its limit in the second line)."),
      list(never = 0.3, curve = 1 - exp(-0.3 * 1:12)), list(efron, against_limit(efron), schoenfeld, mean_time),
      list("Cox, Efron (against its limit)" = "limit", "latent: difference" = "limit")
    ),
    noise = scenario(
      paste("Every probe misses a recalled fact one time in ten and takes an unknown one for recalled one time in",
            "fifty. Under *first* the false recalls are events without an effect: attenuation. *Sustained2* asks for",
            "two in a row, so that false recalls hardly count, and misses mostly delay."),
      list(sensitivity = 0.9, specificity = 0.98, rules = c("first", "sustained2")),
      list(under("first"), under("sustained2")), list(), 400L
    ),
    arms = arms_scenario(scenario, 3L, 1.5),
    arms_null = arms_scenario(scenario, 3L, 1),
    arms_many = arms_scenario(scenario, 10L, 1),
    paired = paired_scenario(scenario, 3L),
    paired_two = paired_scenario(scenario, 2L)
  )
}

arms_scenario <- function(scenario, seeds, hr) {
  scenario(
    sprintf("Two recipes, %d runs each of 100 facts, hazard ratio %s, runs that differ (variance 0.1).", seeds, hr),
    list(facts = 100L, seeds = seeds, arms = 2L, variance = c(run = 0.1),
         log_hr = c(latent = log(2), popularity = 0, arm = log(hr))),
    list(recipes, recipes_ignoring_runs), list(), if (seeds > 5L) 200L else 400L
  )
}

paired_scenario <- function(scenario, seeds) {
  gaps <- paste0("gap, ", c("best-known quarter", "least-known quarter", "all", "whole curve in its band"))
  made <- scenario(
    sprintf(paste("Two recipes, %d runs each, 200 withheld facts: the second answers 10 points more of every fact.",
                  "Runs differ (standard deviation 2 points), and facts beyond their popularity (10 points). *Whole",
                  "curve*: coverage is that of the simultaneous band at all points at once; its estimate is the point",
                  "nearest to falling out of it, so its bias and SD mean nothing."), seeds),
    list(), list(paired_accuracy), stats::setNames(as.list(rep(0.1, 4L)), gaps), 400L
  )
  made$draw <- simulate_ends
  made$simulate <- list(facts = 200L, seeds = seeds, gap = 0.1)
  made
}

# nolint end

# The same fit under a name of its own, so that it can be held against another target.
against_limit <- function(fit) {
  force(fit)
  function(data) {
    rows <- fit(data)
    rows$method <- paste(rows$method, "(against its limit)")
    rows
  }
}
