# Bounds are 4 standard errors of the share that is checked: with a fixed seed they hold or not, and a fault of the
# size that matters (one checkpoint's increment of the hazard) is ten or more.
expect_curve <- function(events, curve) {
  seen <- vapply(seq_along(curve), function(k) mean(events$event & events$stop <= k), 0)
  expect_lt(max(abs(seen - curve) / sqrt(curve * (1 - curve) / nrow(events))), 4)
}

test_that("the caller's random numbers are left as they were, and so is its generator", {
  suppressWarnings(RNGkind("Wichmann-Hill", "Box-Muller", "Rounding"))
  on.exit(RNGkind("default", "default", "default"))
  set.seed(7)
  before <- .Random.seed
  first <- simulate_learning(50L, seed = 3L)
  expect_identical(.Random.seed, before)
  RNGkind("default", "default", "default")
  rm(".Random.seed", envir = globalenv())
  expect_identical(simulate_learning(50L, seed = 3L), first)
  expect_false(exists(".Random.seed", globalenv(), inherits = FALSE))
  expect_false(identical(simulate_learning(50L, seed = 4L)$stop, first$stop))
  expect_error(simulate_learning(50L, seed = 1.5), "one whole number")
})

test_that("the reference facts follow the given curve, also with cure and a sparse grid", {
  curve <- c(0, 0.1, 0.4, 0.7)
  expect_curve(simulate_learning(1e5L, checkpoints = 1:4, curve = curve, log_hr = c(latent = 0)), pmax(curve, 1e-9))
  sparse <- simulate_learning(1e4L, checkpoints = c(1, 4, 16), curve = c(0.2, 0.5, 0.8))
  expect_setequal(sparse$stop, c(1, 4, 16))
  expect_equal(attr(sparse, "truth")$baseline$hazard, c(0, -log(c(0.8, 0.5, 0.2))), tolerance = 1e-6)
  cured <- simulate_learning(1e5L, checkpoints = 1:4, curve = curve, log_hr = c(latent = 0), never = 0.4)
  expect_curve(cured, pmax(0.6 * curve, 1e-9))
  weibull <- simulate_learning(1e5L, checkpoints = 1:4, weibull = c(1.5, 4), log_hr = c(latent = 0))
  expect_curve(weibull, 1 - exp(-(1:4 / 4)^1.5))
})

test_that("or all facts do, whatever their effects, frailties and drifts are", {
  curve <- seq(0.1, 0.8, 0.1)
  all_follow <- function(...) {
    expect_curve(simulate_learning(2e4L, checkpoints = 1:8, curve = curve, curve_of = "all", ...), curve)
  }
  # The baseline is found on 4000 facts of its own, whose error adds less than a standard error of 20,000.
  all_follow(log_hr = c(latent = log(3), popularity = 0.5), variance = c(fact = 0.5))
  all_follow(variance = c(fact = 0.5), frailty = "gamma", never = 0.1)
  all_follow(change = list(term = "latent", time = 4, to = 0))
  expect_error(simulate_learning(curve_of = "all", never = 0.5, checkpoints = 1:2, curve = c(0.2, 0.6)),
               "the curve reaches 0.6 at checkpoint 2, and only 0\\.[45]")
})

test_that("events, left and right are what the event rules say", {
  reached <- rbind(c(0, 1, 0, 1), c(0, 0, 1, 1), c(0, 0, 0, 0), c(1, 1, 0, 0), c(0, 0, 0, 1)) == 1
  first <- spells(reached, c(1, 2, 4, 8))
  expect_equal(first$stop, c(2, 4, 8, 1, 8))
  expect_equal(first$event, c(TRUE, TRUE, FALSE, TRUE, TRUE))
  expect_equal(first$left, c(1, 2, 8, 0, 4))
  expect_equal(first$right, c(2, 4, NA, 1, 8))
  twice <- spells(reached, c(1, 2, 4, 8), "sustained2")
  expect_equal(twice$stop, c(4, 4, 4, 1, 4))
  expect_equal(twice$event, c(FALSE, TRUE, FALSE, TRUE, FALSE))
  expect_error(spells(reached, c(1, 2, 4, 8), "sustained5"), "asks for 5 successive checkpoints")
  expect_error(spells(reached, c(1, 2, 4, 8), "lasting"), "no rule 'lasting'")
})

test_that("probes err as often as they are said to", {
  reached <- matrix(rep(c(TRUE, FALSE), each = 5e4L), ncol = 1L)
  seen <- seeded(1L, noisy_probes(reached, sensitivity = 0.9, specificity = 0.97))
  expect_equal(mean(seen[reached]), 0.9, tolerance = 4 * sqrt(0.1 / 0.9 / 5e4))
  expect_equal(mean(seen[!reached]), 0.03, tolerance = 4 * sqrt(0.97 / 0.03 / 5e4))
})

test_that("arms, runs and facts keep their effects and their names", {
  events <- simulate_learning(40L, seeds = 2L, arms = 2L, rules = c("first", "sustained2"), variance = c(run = 0.2))
  expect_equal(nrow(events), 40L * 4L * 2L)
  expect_equal(levels(events$run), c("arm1-seed1", "arm1-seed2", "arm2-seed1", "arm2-seed2"))
  # A fact has the same covariates in every run.
  expect_true(all(tapply(events$popularity, events$fact_id, function(x) length(unique(x))) == 1L))
  expect_setequal(names(run_fit(events, task_of(events, "cox", plan = standard_plan(
    covariates = list(acquisition = c("latent", "popularity"))
  )))), c("fits", "coefficients", "zph_tests", "zph_points", "zph_curves", "zph_periods"))
  expect_error(simulate_learning(log_hr = c(latnet = 1)), "latnet")
  expect_error(simulate_learning(checkpoints = c(2, 1), curve = c(0.1, 0.2)), "increasing")
  expect_error(simulate_learning(checkpoints = 1:2, curve = c(0.3, 0.2)), "never fall")
})
