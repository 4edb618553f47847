events <- simulate_events(facts = 120L, rules = c("first", "sustained2"))

test_that("ids are unique, readable and stable; the primary rule has everything", {
  tasks <- plan_fits(events, standard_plan(rules = c("first", "sustained2")))
  ids <- vapply(tasks, `[[`, "", "id")
  expect_equal(anyDuplicated(ids), 0L)
  expect_equal(ids[startsWith(ids, "acquisition")], c(
    "acquisition/first/km", "acquisition/first/km/latent", "acquisition/first/km/relation",
    "acquisition/first/score/latent", "acquisition/first/score/relation",
    "acquisition/first/rmst/latent", "acquisition/first/rmst/relation",
    "acquisition/first/cox-univariable/latent", "acquisition/first/cox-univariable/popularity",
    "acquisition/first/cox-univariable/relation", "acquisition/first/cox", "acquisition/first/cox-firth",
    "acquisition/first/cox-stratified", "acquisition/first/cox-split", "acquisition/first/cloglog",
    "acquisition/first/interval", "acquisition/first/aft", "acquisition/first/turnbull",
    "acquisition/first/turnbull/latent",
    "acquisition/first/turnbull/relation", "acquisition/first/sensitivity", "acquisition/first/latent-definitions",
    "acquisition/first/form", "acquisition/first/influence", "acquisition/first/frailty-fact",
    "acquisition/first/frailty-gamma", "acquisition/first/coxme",
    "acquisition/sustained2/km", "acquisition/sustained2/km/latent",
    "acquisition/sustained2/km/relation", "acquisition/sustained2/cox", "acquisition/sustained2/cox-firth",
    "acquisition/sustained2/sensitivity"
  ))
})

test_that("plan and tasks survive JSON, and empty lists from Python are empty", {
  plan <- standard_plan(rules = "first", strata = list(), random = list("group"))
  tasks <- plan_fits(events, jsonlite::fromJSON(jsonlite::toJSON(plan, auto_unbox = TRUE)))
  again <- jsonlite::fromJSON(jsonlite::toJSON(tasks, auto_unbox = TRUE), simplifyDataFrame = FALSE)
  cox <- function(tasks) Filter(function(task) task$id == "acquisition/first/cox", tasks)[[1]]
  expect_equal(strip_time(run_fit(events, cox(again))), strip_time(run_fit(events, cox(tasks))))
})

test_that("several arms become a covariate and a set of curves, unless they are strata", {
  arms <- simulate_events(facts = 100L, arms = 2L)
  ids <- function(plan) vapply(plan_fits(arms, plan), `[[`, "", "id")
  expect_true(all(c("acquisition/first/score/arm", "degradation/first/cox-univariable/arm") %in%
                    ids(standard_plan())))
  expect_false("acquisition/first/cox-univariable/arm" %in% ids(standard_plan(strata = "arm")))
  expect_true("acquisition/first/km/arm" %in% ids(standard_plan(strata = "arm")))
})

test_that("a plan that cannot be meant is refused", {
  expect_error(plan_fits(events, standard_plan(covariate = list())), "no key 'covariate'; the nearest is 'covariates'")
  expect_error(plan_fits(events, standard_plan(ties = "exact")), "odds ratio")
  expect_error(plan_fits(events, standard_plan(curves_by = list(aquisition = "latent"))), "nearest is 'acquisition'")
  expect_error(plan_fits(events, standard_plan(conf = 95)), "a share")
})

test_that("every table has the columns and types of the contract", {
  tables <- analyse(events, standard_plan(rules = c("first", "sustained2")))
  columns <- contract_columns()
  expect_named(tables, names(columns))
  of_states <- c("occupation", "sojourns", "transition_counts", "transition_coefficients")
  for (name in names(columns)) {
    expect_equal(vapply(tables[[name]], typeof, ""), columns[[name]], info = name)
    of_models <- c("term_tests", "effect_curves")
    of_facts <- c("popularity", "paired", "phases", "scaling", "smi", "mediation", "smi_points", "mean_ranks",
                  "score_correlations")
    # Not in this plan.
    elsewhere <- c("variances", "random_effects", "arms", "aft", "turnbull", of_states, of_models, of_facts)
    expect_true(name %in% elsewhere || nrow(tables[[name]]) > 0L, info = name)
  }
  expect_true(all(tables$fits$reason[tables$fits$status == "ok"] == ""))
  expect_true(all(nzchar(tables$fits$reason[tables$fits$status != "ok"])))
  expect_equal(anyDuplicated(tables$coefficients[c("task", "term")]), 0L)
})

test_that("versions are listed", {
  versions <- r_environment()
  expect_equal(versions$r, as.character(getRversion()))
  expect_true("survival" %in% versions$packages$package)
})

test_that("a plan that has no names where some are needed is told so, all of them at once", {
  wrong <- standard_plan(covariates = c("latent", "popularity"), states = TRUE)
  expect_error(plan_fits(events, wrong), "`covariates` has names, as in .*; the plan's `states` has names")
  none <- standard_plan(states = FALSE) # as in a study's file
  expect_equal(plan_fits(events, none), plan_fits(events, standard_plan(states = NULL)))
})
