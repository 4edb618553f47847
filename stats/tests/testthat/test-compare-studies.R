one <- simulate_learning(facts = 150, seeds = 2, seed = 1)

test_that("a study does not differ from itself, and the products of a strong difference are found", {
  same <- compare_studies(list(a = one, b = one), "acquisition", "first", c("latent", "popularity"))
  expect_equal(same$ratio, c(1, 1), tolerance = 1e-6) # as near as the fit's own convergence
  other <- simulate_learning(facts = 150, seeds = 2, log_hr = c(latent = -1, popularity = 0.3), seed = 2)
  found <- compare_studies(list(a = one, b = other), "acquisition", "first", c("latent", "popularity"))
  at <- found$term == "latent"
  expect_true(found$lower[at] < exp(-1) / 2 && exp(-1) / 2 < found$upper[at] && found$upper[at] < 1)
})

test_that("the ratio is that of the hazard ratios of two fits, and what cannot be compared says why", {
  other <- simulate_learning(facts = 150, seeds = 1, seed = 3)
  both <- compare_studies(list(a = one, b = other), "acquisition", "first", "latent")
  shared <- intersect(one$fact_id, other$fact_id)
  log_hr <- function(events) {
    ready <- analysis_data(events[events$fact_id %in% shared, ], "acquisition", "first", "latent")
    cox(ready$data, "latent")$tables$coefficients$estimate
  }
  expect_equal(log(both$ratio), log_hr(other) - log_hr(one), tolerance = 1e-6)
  few <- compare_studies(list(a = one, b = other[other$fact_id %in% shared[1:5], ]), "acquisition", "first", "latent")
  expect_match(attr(few, "reason"), "5 facts are at risk in all of them, fewer than 20")
})

test_that("what R warned of is said, and recall differs as a paired t test has it", {
  told <- transform(one, seen = as.integer(event)) # foretells itself: no finite ratio
  expect_match(attr(compare_studies(list(a = told, b = told), "acquisition", "first", "seen"), "reason"), "infinite")
  first <- data.frame(fact_id = c("a", "b", "c", "a"), split = "trained", after = c(TRUE, FALSE, TRUE, FALSE))
  other <- data.frame(fact_id = c("a", "b", "d"), split = "trained", after = c(TRUE, TRUE, FALSE))
  gap <- recall_gaps(list(one = first, other = other))
  expect_equal(c(gap$facts, gap$gap, gap$lower, gap$upper), c(2, 0.75, stats::t.test(c(0.5, 1))$conf.int))
})
