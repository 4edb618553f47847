# The fast engine maximises the likelihood that coxme maximises. They differ in where coxme stops (relative 1e-7 of the
# log likelihood, about 0.001 standard errors here), and with more than 50 levels in the first grouping, where coxme
# takes the information between two of them as zero (0.02 standard errors here).
crossed_rows <- function(facts, runs, groups = 12L, seed = 1L, late = FALSE) {
  set.seed(seed)
  data <- expand.grid(fact = seq_len(facts), run = seq_len(runs))
  latent <- stats::runif(facts) < 0.3
  score <- stats::rnorm(facts)
  group <- sample(groups, facts, TRUE)
  effects <- stats::rnorm(facts, 0, 0.7)[data$fact] + stats::rnorm(runs, 0, 0.3)[data$run] +
    stats::rnorm(groups, 0, 0.4)[group[data$fact]]
  data$latent <- factor(xor(latent[data$fact], stats::runif(nrow(data)) < 0.2), c(FALSE, TRUE))
  data$score <- score[data$fact]
  data$half <- factor(data$fact %% 2)
  time <- stats::rexp(nrow(data)) / (0.08 * exp(0.7 * (data$latent == "TRUE") - 0.25 * data$score + effects))
  data$start <- if (late) pmin(floor(time), sample(0:2, nrow(data), TRUE)) else 0
  data$stop <- pmin(ceiling(time), 15)
  data$event <- time <= 15
  data$fact_id <- factor(data$fact)
  data$run <- factor(data$run)
  data$group <- factor(group[data$fact])
  data$within <- interaction(data$group, data$fact_id, drop = TRUE)
  data[data$stop > data$start, ]
}

designs <- list(
  one = list(random = "fact_id"),
  small = list(random = "group"),
  crossed = list(random = c("fact_id", "run")),
  breslow = list(random = c("fact_id", "run"), ties = "breslow"),
  strata = list(random = c("fact_id", "run"), strata = "half"),
  nested = list(random = c("group", "within")),
  large = list(random = c("fact_id", "run"), facts = 120L)
)

for (name in names(designs)) {
  test_that(paste("the fast engine agrees with coxme:", name), {
    skip_if_not_installed("coxme")
    design <- utils::modifyList(list(strata = character(), ties = "efron", facts = 48L), designs[[name]])
    data <- crossed_rows(design$facts, 6L, late = name %in% c("crossed", "strata"))
    fit <- function(engine) {
      cox_mixed(data, c("latent", "score"), design$random, design$strata, "", design$ties, mixed_engine = engine,
                profile = FALSE)
    }
    fast <- fit("fast")
    slow <- fit("coxme")
    expect_equal(fast$fit$engine, "fast (Laplace)")
    expect_true(fast$fit$converged)
    ours <- fast$tables$coefficients
    theirs <- slow$tables$coefficients
    expect_lt(max(abs(ours$estimate - theirs$estimate) / theirs$se), if (name == "large") 0.05 else 0.005)
    close <- if (name == "large") 0.03 else 0.003
    expect_equal(ours$se, theirs$se, tolerance = close)
    expect_equal(fast$fit$loglik, slow$fit$loglik, tolerance = 0.1 * close)
    both <- merge(fast$tables$variances, slow$tables$variances, by = "grouping")
    expect_equal(nrow(both), nrow(fast$tables$variances))
    expect_equal(both$sd.x, both$sd.y, tolerance = close)
    both <- merge(fast$tables$random_effects, slow$tables$random_effects, by = c("grouping", "level"))
    expect_equal(nrow(both), nrow(slow$tables$random_effects))
    expect_lt(max(abs(both$estimate.x - both$estimate.y) / both$se.y), 10 * close)
    expect_equal(both$se.x, both$se.y, tolerance = close)
    expect_equal(fast$tables$zph_tests$chisq, slow$tables$zph_tests$chisq, tolerance = 2 * close)
  })
}

test_that("tests and intervals of the variances are those of coxme", {
  skip_if_not_installed("coxme")
  data <- crossed_rows(48L, 5L, seed = 2L)
  fits <- lapply(c("fast", "coxme"), function(engine) {
    cox_mixed(data, c("latent", "score"), c("fact_id", "run"), mixed_engine = engine)$tables$variances
  })
  # Roots of the profile are found to 1 % of the variance.
  for (column in c("lower", "upper", "chisq")) {
    expect_equal(fits[[1]][[column]], fits[[2]][[column]], tolerance = 0.02, info = column)
  }
})

test_that("intervals that would take too long are left out, by size and not by clock, and that is said", {
  data <- crossed_rows(48L, 3L)
  rows <- mixed_rows(data, c("latent", "score"), c("fact_id", "run"))
  best <- search_mixed(rows, "efron")
  chosen <- list(fixed = c("latent", "score"), random = c("fact_id", "run"))
  seconds <- 300 * evaluation_seconds(rows)
  profiled <- function(patience) profile_fast(data, rows, chosen, character(), "efron", 0.95, best, patience)
  short <- profiled(0.9 * seconds)
  expect_true(all(is.na(short$table$upper)) && all(short$table$p < 1))
  expect_match(short$notes, "no intervals of the variances: they would take about")
  long <- profiled(1.1 * seconds)
  expect_length(long$notes, 0L)
  expect_true(all(long$table$upper > best$variance))
})

test_that("a variance of zero is seen as one", {
  data <- crossed_rows(80L, 5L, seed = 3L)
  set.seed(1L)
  data$chance <- factor(sample(10L, nrow(data), TRUE))
  result <- cox_mixed(data, c("latent", "score"), c("fact_id", "chance"), mixed_engine = "fast", profile = FALSE)
  expect_equal(result$tables$variances$boundary, c(FALSE, TRUE))
  expect_match(paste(result$remarks, collapse = " "), "random chance: at its lower boundary")
})

test_that("auto takes the fast engine where coxme would be slow, and says so", {
  small <- data.frame(fact_id = factor(rep(1:50, 4)), run = factor(rep(1:4, each = 50)), stop = 1:2, event = TRUE)
  expect_false(choose_mixed_engine(small, "x", c("fact_id", "run"), character())$fast)
  large <- expand.grid(fact_id = factor(1:1000), run = factor(1:20))
  large$stop <- 1
  large$event <- TRUE
  picked <- choose_mixed_engine(large, "x", c("fact_id", "run"), character())
  expect_true(picked$fast)
  # `python bench/survival.py --ways mixed-large` measures this one.
  expect_match(picked$note, "coxme would take about 204 s")
  expect_false(choose_mixed_engine(large, "x", c("fact_id", "run"), character(), "coxme")$fast)
  expect_match(choose_mixed_engine(large, character(), c("fact_id", "run"), character())$note, "without covariates")
  expect_error(choose_mixed_engine(large, "x", "run", character(), "quick"), "use one of \"auto\"")
  # Nested in few levels: everything is dense to coxme, which took ten minutes for these 436 rows.
  nested <- data.frame(b = factor(rep_len(1:313, 436)), stop = rep_len(1:120, 436), event = TRUE)
  nested$a <- factor(as.integer(nested$b) %% 30L)
  expect_match(choose_mixed_engine(nested, "x", c("a", "b"), character())$note,
               "fast engine \\(coxme would take about 10")
  expect_false(choose_mixed_engine(nested[1:40, ], "x", c("a", "b"), character())$fast)
  plan <- standard_plan(mixed_engine = "fast")
  expect_equal(task_of(simulate_events(60L), "coxme", plan = plan)$args$mixed_engine, "fast")
})
