events <- simulate_events(facts = 200L, rules = c("first", "sustained2"))
plan <- standard_plan(rules = c("first", "sustained2"))

test_that("every rule has the main hazard ratio under every method for ties, as the models themselves give it", {
  tasks <- Filter(function(task) task$model == "sensitivity" && task$outcome == "acquisition", plan_fits(events, plan))
  expect_equal(vapply(tasks, `[[`, "", "rule"), c("first", "sustained2"))
  rows <- run_fit(events, tasks[[1]])$sensitivity
  expect_equal(rows$method, c("efron", "breslow", "cloglog", "logit"))
  expect_equal(unique(rows$term), "latent")
  of <- function(model, plan) run_fit(events, task_of(events, model, plan = plan))$coefficients[1, ]
  columns <- c("estimate", "se", "hr", "lower", "upper")
  expect_equal(rows[1, columns], of("cox", plan)[columns])
  expect_equal(rows[2, columns], of("cox", utils::modifyList(plan, list(ties = "breslow")))[columns],
               ignore_attr = TRUE)
  expect_equal(rows[3, columns], of("cloglog", plan)[columns], ignore_attr = TRUE)
  # Ties pull Breslow towards zero.
  expect_lt(rows$estimate[[2]], rows$estimate[[1]])
})

test_that("the fourth method is the odds ratio of R's exact ties, another estimand", {
  data <- analysis_data(events, "acquisition", "first", c("latent", "popularity"), "fact_id", TRUE)$data
  rows <- sensitivity(data, c("latent", "popularity"))$tables$sensitivity
  exact <- survival::coxph(survival::Surv(stop, event) ~ latent + popularity, data, ties = "exact")
  # Conditional against unconditional likelihood: a few per cent with this many events a checkpoint.
  expect_equal(rows$estimate[[4]], coef(exact)[["latentTRUE"]], tolerance = 0.05)
  expect_gt(rows$estimate[[4]], rows$estimate[[3]])
})

test_that("a method that fails leaves the others", {
  testthat::local_mocked_bindings(cloglog = function(...) stop("too many periods"))
  tables <- run_fit(events, task_of(events, "sensitivity"))
  expect_equal(tables$sensitivity$method, c("efron", "breslow"))
  expect_equal(tables$fits$reason, "no estimate by cloglog: too many periods; no estimate by logit: too many periods")
})
