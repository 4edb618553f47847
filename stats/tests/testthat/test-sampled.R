test_that("a check of many rows is made of whole facts, drawn once for all, and says so", {
  many <- data.frame(fact_id = factor(rep(seq_len(300000L), 2L)), run = rep(1:2, each = 300000L)) # products overflow
  some <- sampled(many, sampled_rows)
  expect_identical(nrow(some$data), sampled_rows)
  expect_true(all(table(used_levels(some$data$fact_id)) == 2L))
  expect_identical(some, sampled(many, sampled_rows))
  expect_match(some$notes, "50,000 of 300,000 facts (100,000 of 600,000 rows)", fixed = TRUE)
  expect_identical(sampled(many, nrow(many)), list(data = many, notes = character()))
})

test_that("rows and note of such a fit are those of the sample, and its effect is that of the facts drawn", {
  learned <- simulate_learning(facts = 200, seeds = 2, seed = 1)
  whole <- analysis_data(learned, "acquisition", "first", "popularity", standardise = TRUE)
  ready <- analysis_data(learned, "acquisition", "first", "popularity", standardise = TRUE, most = 100)
  expect_lte(nrow(ready$data), 100)
  expect_match(ready$notes, "drawn at random")
  expect_length(whole$notes, 0)
  expect_equal(sd(ready$data$popularity[!duplicated(ready$data$fact_id)]), 1, tolerance = 0.05)
})
