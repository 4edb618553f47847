# A fast part of the recovery study (`make validate`, docs/validation.md): the same scenarios and methods, fewer
# replicates. Seeds are fixed, so a test passes or fails always; the bounds are what chance leaves to a sound method:
# - bias: 3.5 Monte-Carlo standard errors (one of 2000 sound methods is beyond), and 0.01 for what discreteness does;
# - coverage of 95 % intervals and size of tests at 5 %: the binomial quantiles of 0.0005 and 0.9995.
# nolint start: object_usage_linter. Names of those files.
for (file in c("methods.R", "scenarios.R", "recovery.R")) {
  source(test_path("..", "validation", file), local = TRUE)
}

recovered <- function(name, replicates, methods = NULL) {
  scenario <- scenarios()[[name]]
  if (!is.null(methods)) scenario$methods <- methods
  rows <- do.call(rbind, lapply(seq_len(replicates), function(seed) replicate_once(scenario, seed)))
  # The limit of a method is looked up on fewer facts than in the full study: its error is in `bias_mcse`.
  summarise_recovery(rows, targets_of(scenario, rows, facts = 50000L), replicates)
}

# nolint end

row_named <- function(table, method, quantity) table[table$method == method & table$quantity == quantity, ]
too_few <- function(row) row$coverage < qbinom(0.0005, row$replicates, 0.95) / row$replicates
too_often <- function(row) row$rejected > qbinom(0.9995, row$replicates, 0.05) / row$replicates
too_far <- function(row) abs(row$bias) > 3.5 * row$bias_mcse + 0.01

expect_sound <- function(table, method, quantity) {
  row <- row_named(table, method, quantity)
  expect_identical(c(nrow(row), row$failed), c(1L, 0L))
  expect_false(too_far(row))
  expect_false(too_few(row))
  # What the method says of its error is right to within 15 %, four times the error of an SD of 100 values times two.
  expect_lt(abs(row$mean_se / row$empirical_se - 1), 4 / sqrt(2 * row$replicates))
}

test_that("proportional hazards are recovered; the Schoenfeld test has its size", {
  table <- recovered("base", 100L, list(efron, grouped, mean_time, schoenfeld))
  for (method in c("Cox, Efron", "cloglog")) for (term in both) expect_sound(table, method, term)
  expect_sound(table, "restricted mean", "latent: difference")
  for (term in c(both, "GLOBAL")) expect_false(too_often(row_named(table, "Schoenfeld test", paste("drift of", term))))
})

test_that("grouped-time likelihoods bear two probes, Efron nearly, Breslow not", {
  table <- recovered("ties", 100L)
  for (method in c("cloglog", "interval censoring")) for (term in both) expect_sound(table, method, term)
  expect_true(too_far(row_named(table, "Cox, Breslow", "latent")))
  efron_bias <- row_named(table, "Cox, Efron", "latent")$bias
  # Toward zero by about a tenth with half of the facts in one tie; Breslow by four tenths.
  expect_true(efron_bias < 0 && efron_bias > -0.2 * log(2))
})

test_that("facts in several runs need robust errors", {
  table <- recovered("repeated", 100L, list(by_row, by_fact))
  for (term in both) expect_sound(table, "Cox, robust errors by fact", term)
  expect_true(too_few(row_named(table, "Cox, model-based errors", "popularity")))
})

test_that("random effects give the conditional hazard ratio and their variance", {
  skip_if_not_installed("coxme")
  table <- recovered("groups", 60L, list(efron, mixed("group")))
  for (term in both) expect_sound(table, "coxme", term)
  expect_false(too_far(row_named(table, "coxme", "variance of group")))
  # Without them it is attenuated.
  expect_lt(row_named(table, "Cox, Efron", "latent")$bias, -2 * row_named(table, "Cox, Efron", "latent")$bias_mcse)
})

test_that("two recipes with three runs each are not told apart by chance", {
  skip_if_not_installed("coxme")
  table <- recovered("arms_null", 100L)
  expect_false(too_often(row_named(table, "recipes, random runs", "arm")))
  expect_false(too_few(row_named(table, "recipes, random runs", "arm")))
  expect_true(too_often(row_named(table, "recipes, robust errors by fact", "arm")))
})

test_that("a rule of two successive recalls stands probe noise better than the first recall", {
  table <- recovered("noise", 100L)
  expect_true(too_far(row_named(table, "Cox, Efron, rule first", "latent")))
  expect_gt(row_named(table, "Cox, Efron, rule sustained2", "latent")$bias,
            row_named(table, "Cox, Efron, rule first", "latent")$bias)
})
