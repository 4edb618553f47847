events <- simulate_events(facts = 200L, runs = 3L, arms = 3L)
tables <- run_fit(events, task_of(events, "arms"))
data <- analysis_data(events, "acquisition", "first", c("latent", "popularity", "relation", "arm"),
                      c("fact_id", "group", "run"), standardise = TRUE)$data

test_that("hazard ratios are coxme's with random runs and groups, p-values Holm's", {
  skip_if_not_installed("coxme")
  formula <- as.formula("Surv(start, stop, event) ~ latent + popularity + relation + arm + (1 | run) + (1 | group)",
                        env = asNamespace("survival"))
  oracle <- coxme::coxme(formula, data)
  rows <- tables$arms
  expect_equal(rows$arm, c("arm2", "arm3"))
  expect_equal(rows$estimate, unname(coxme::fixef(oracle)[c("armarm2", "armarm3")]), tolerance = 1e-3)
  expect_equal(rows$p_holm, p.adjust(rows$p, "holm"))
  # Nine runs in three arms.
  expect_equal(log(rows$upper / rows$hr), qt(0.975, 6) * rows$se)
  expect_equal(rows$p, 2 * pt(-abs(rows$estimate / rows$se), 6))
  expect_match(tables$fits$messages, "Student's t with 6 degrees of freedom")
  expect_equal(rows$seeds, c(3L, 3L))
  # The simulated log hazard of a further arm is 0.3.
  expect_true(all(log(rows$lower) < c(0.3, 0.6) & c(0.3, 0.6) < log(rows$upper)))
})

test_that("the restricted mean times are those of the arms, facts paired", {
  means <- rmst_difference(data, "arm")$tables$rmst
  expect_equal(tables$arms$difference, means$difference)
  expect_equal(tables$arms$difference_lower, means$lower)
  expect_lt(means$se[[1]], rmst_difference(data, "arm", cluster = "")$tables$rmst$se[[1]])
})

test_that("one seed an arm: the runs cannot be random, and the fit says so", {
  single <- simulate_events(facts = 150L, runs = 1L, arms = 2L)
  rows <- run_fit(single, task_of(single, "arms"))
  expect_equal(rows$arms$seeds, 1L)
  expect_match(rows$fits$reason, "no random effect of run: it coincides with arm")
  alone <- run_fit(single, task_of(single, "arms", plan = standard_plan(random = list())))
  expect_match(alone$fits$reason, "the Cox model with robust errors stands in")
  expect_true(is.finite(alone$arms$hr))
})

test_that("there is no such task with one arm, or where the arms are strata", {
  models <- function(events, ...) vapply(plan_fits(events, standard_plan(...)), `[[`, "", "model")
  expect_false("arms" %in% models(simulate_events(facts = 100L)))
  expect_false("arms" %in% models(events, strata = "arm"))
})

test_that("recipes as strata: the predictors' model and the test of the product are survival's", {
  events <- simulate_events(facts = 200L, runs = 2L, arms = 2L)
  data <- analysis_data(events, "acquisition", "first", c("latent", "popularity", "arm"), "fact_id", TRUE)$data
  result <- arms_stratified(data, c("latent", "popularity", "arm"), cluster = "fact_id")$tables
  formula <- function(right) {
    as.formula(paste("Surv(start, stop, event) ~", right, "+ strata(arm) + cluster(fact_id)"), asNamespace("survival"))
  }
  oracle <- survival::coxph(formula("latent + popularity"), data)
  expect_equal(result$coefficients$estimate, unname(coef(oracle)))
  expect_equal(result$coefficients$se_robust, unname(sqrt(diag(vcov(oracle)))))
  product <- survival::coxph(formula("latent + popularity + I((latent == 'TRUE') * (arm == 'arm2'))"), data)
  expect_equal(result$tests$statistic, (coef(product)[[3]] / sqrt(vcov(product)[3, 3]))^2)
  expect_equal(result$tests$df, 1)
  expect_equal(arms_stratified(data, "latent")$status, "not needed")
})
