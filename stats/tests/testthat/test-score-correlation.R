# Scores of two pairs of weights: one whose informative scores go with the downstream ones, one whose do not.

scored <- function(facts = 20, seeds = 2, seed = 1) {
  seeded(seed, {
    rows <- expand.grid(layer = 0:5, position = 0:3, fact = seq_len(facts), seed = seq_len(seeds), arm = c("a", "b"),
                        KEEP.OUT.ATTRS = FALSE, stringsAsFactors = FALSE)
    place <- stats::rnorm(24)[rows$layer * 4 + rows$position + 1]
    noise <- function() stats::rnorm(nrow(rows), 0, 0.5)
    data.frame(run = paste(rows$arm, rows$seed), arm = rows$arm, seed = rows$seed, fact_id = paste0("f", rows$fact),
               relation = "animal", component = "mlp", layer = rows$layer, head = NA_integer_, position = rows$position,
               token = "x", informative = ifelse(rows$arm == "a", place, 0) + noise(), downstream = place + noise())
  })
}

test_that("the correlation is that of the means by component and token, and its interval finds no chance", {
  data <- scored()
  found <- score_correlation(data)$tables$score_correlations
  one <- found[found$informative == "a" & found$downstream == "b", ]
  means <- function(arm, score) {
    own <- data[data$arm == arm, ]
    c(tapply(own[[score]], paste(own$layer, own$position), mean))
  }
  expect_equal(one$estimate, stats::cor(means("a", "informative"), means("b", "downstream")))
  expect_equal(one$r2, one$estimate^2)
  expect_true(one$lower > 0.8 && one$upper < 1 && one$cells == 24 && one$runs == 2)
  none <- found[found$informative == "b" & found$downstream == "a", ]
  expect_true(none$lower < 0 && none$upper > 0 && none$r2_lower == 0)
})

test_that("prompts of another length have other places and are left out; one run is said to be one", {
  data <- scored(seeds = 1)
  longer <- data[data$fact_id == "f1", ]
  longer$position <- longer$position + 2L
  both <- rbind(data[data$fact_id != "f1", ], longer)
  found <- score_correlation(both)
  expect_equal(unique(found$tables$score_correlations$facts), 19L)
  expect_match(found$remarks, "one run")
})
