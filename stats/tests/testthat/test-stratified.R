set.seed(3)
x <- factor(rep(c("a", "b"), each = 400))
z <- rnorm(800)
time <- rexp(800) / (ifelse(x == "b", 0.3, 0.1) * exp(0.5 * z))
late <- x == "b" & time > 4
time[late] <- 4 + rexp(sum(late)) / (0.1 * exp(0.5 * z[late]))
rows <- data.frame(start = 0, stop = pmin(ceiling(time), 12), event = time <= 12, x = x, z = z, fact_id = seq_along(x))

test_that("what changes with time becomes a stratum, and the model is coxph's", {
  result <- cox_stratified(rows, c("x", "z"))
  formula <- as.formula("Surv(start, stop, event) ~ z + strata(x)", env = asNamespace("survival"))
  oracle <- survival::coxph(formula, rows, x = TRUE, model = TRUE)
  expect_equal(result$tables$coefficients$term, "z")
  expect_equal(result$tables$coefficients$estimate, unname(coef(oracle)))
  expect_equal(result$tables$zph_tests$chisq, unname(survival::cox.zph(oracle, "identity")$table[, "chisq"]))
  expect_match(result$notes, "the hazard ratio changes with time: x p = ", all = FALSE)
  expect_equal(cox_stratified(rows, "x")$status, "not estimable")
  expect_match(cox_stratified(rows, "x")$reason, "every covariate would become a stratum")
})

test_that("a number is cut into thirds", {
  rows$w <- as.numeric(x == "b") + rnorm(800, 0, 0.3)
  result <- cox_stratified(rows, c("w", "z"))
  expect_match(result$fit$formula, "strata(w_thirds)", fixed = TRUE)
  expect_match(result$notes, "w is cut at the thirds", all = FALSE)
})

test_that("it is not needed where no test fails, and says by how much", {
  events <- simulate_events(facts = 200L)
  tables <- run_fit(events, task_of(events, "cox-stratified"))
  expect_equal(tables$fits$status, "not needed")
  expect_match(tables$fits$reason, "no test of proportional hazards fails: latent p = 0")
  expect_null(tables$coefficients)
})
