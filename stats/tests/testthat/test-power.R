design <- list(compare = "latent", hr = 2, curve = seq(0.01, 0.6, length.out = 60), share_latent = 0.3,
               fact_variance = 0, run_sd = 0)

test_that("with independent facts and few ties, power is Schoenfeld's", {
  rows <- power_block(design, 130L, 1L, 400L)
  table <- summarise_power(rows, design)
  # 78 events, as the formula asks for at a power of 80 %.
  expect_equal(schoenfeld_events(2, 0.3), 77.8, tolerance = 1e-3)
  expect_equal(schoenfeld_power(schoenfeld_events(2, 0.3), 2, 0.3), 0.8, tolerance = 1e-5)
  expect_equal(table$events, 78, tolerance = 0.02)
  # The Monte-Carlo error is 0.02; the formula takes the share of latent facts among the events as fixed at 0.3, which
  # is good to a few percent at a hazard ratio of 2: three errors and 0.02.
  expect_lt(abs(table$power - table$formula), 3 * sqrt(0.8 * 0.2 / 400) + 0.02)
  expect_equal(exp(median(rows$estimate)), 2, tolerance = 4 * 1.25 * sd(rows$estimate) / sqrt(400))
})

test_that("without an effect the power is the level of the test, also with frailty and several seeds", {
  nothing <- utils::modifyList(design, list(hr = 1, fact_variance = 0.5, run_sd = 0.3, curve = c(0.2, 0.4, 0.6)))
  size <- summarise_power(power_block(nothing, 150L, 3L, 400L), nothing)
  expect_lt(abs(size$power - 0.05), 4 * sqrt(0.05 * 0.95 / 400))
  expect_true(is.na(size$formula))
})

test_that("every fit is the one of the report", {
  data <- simulate_learning(80L, 3L, variance = c(fact = 0.5), seed = 5L)
  row <- cox_univariable(data, "latent", cluster = "fact_id")$tables$coefficients
  expect_equal(power_of_latent(data)$p, row$p, tolerance = 1e-8)
  skip_if_not_installed("coxme")
  arms <- simulate_learning(80L, 3L, 2L, log_hr = c(arm = 0.4), variance = c(run = 0.1), seed = 5L)
  report <- compare_arms(arms, "arm", random = "run")$tables$arms
  expect_equal(power_of_arms(arms)$p, report$p, tolerance = 1e-3)
})

test_that("the simulated facts follow the given curve, whatever the frailty", {
  varied <- utils::modifyList(design, list(curve = c(0.1, 0.3, 0.6), fact_variance = 0.5, run_sd = 0.3))
  rows <- power_block(varied, 2000L, 10L, 1L)
  # Ten runs that differ: the error is that of their mean, about 0.24 * 0.3 / sqrt(10); three of them.
  expect_lt(abs(rows$events / 2e4 - 0.6), 3 * 0.24 * 0.3 / sqrt(10))
})

test_that("data without an estimate count as not detected", {
  rare <- utils::modifyList(design, list(curve = 0.02, share_latent = 0.1))
  rows <- power_block(rare, 20L, 1L, 20L)
  table <- summarise_power(rows, rare)
  expect_gt(table$not_estimable, 0L)
  expect_equal(table$replicates, 20L)
})

test_that("the plot shows every design", {
  skip_if_not_installed("ggplot2")
  table <- data.frame(facts = c(100, 100, 200, 200), seeds = c(1, 2, 1, 2), power = c(0.4, 0.5, 0.7, 0.8),
                      lower = 0.3, upper = 0.9)
  path <- tempfile(fileext = ".svg")
  power_plot(table, title = "Power", path = path)
  expect_match(paste(readLines(path, n = 1L), collapse = ""), "xml")
  built <- ggplot2::ggplot_build(power_plot(table))
  expect_equal(sort(built$data[[3]]$y), sort(table$power))
})
