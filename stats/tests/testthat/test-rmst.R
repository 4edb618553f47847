events <- simulate_events(facts = 200L)
data <- analysis_data(events, "acquisition", "first", "latent", "fact_id")$data

test_that("with rows taken as independent it is survRM2, and survfit's restricted mean", {
  rows <- rmst_difference(data, "latent", cluster = "")$tables$rmst
  formula <- as.formula("Surv(start, stop, event) ~ latent", env = asNamespace("survival"))
  own <- summary(survival::survfit(formula, data), rmean = rows$horizon)$table
  mean <- grep("^\\*?rmean|^rmean", colnames(own))
  expect_equal(c(rows$rmst_reference, rows$rmst), unname(own[, mean[[1]]]), tolerance = 1e-8)
  expect_equal(c(rows$rmst_reference_se, rows$rmst_se), unname(own[, grep("se\\(rmean\\)", colnames(own))]),
               tolerance = 1e-8)
  skip_if_not_installed("survRM2")
  oracle <- survRM2::rmst2(data$stop, as.integer(data$event), as.integer(data$latent == "TRUE"), tau = rows$horizon)
  difference <- oracle$unadjusted.result["RMST (arm=1)-(arm=0)", ]
  expect_equal(c(rows$difference, rows$lower, rows$upper, rows$p), unname(difference), tolerance = 1e-8)
})

test_that("closed form: two facts each, the area of a staircase", {
  four <- data.frame(start = 0, stop = c(1, 3, 2, 4), event = c(TRUE, TRUE, TRUE, FALSE), x = c("a", "a", "b", "b"),
                     fact_id = 1:4)
  rows <- rmst_difference(four, "x")$tables$rmst
  expect_equal(rows[c("horizon", "rmst_reference", "rmst", "difference")],
               data.frame(horizon = 3, rmst_reference = 2, rmst = 2.5, difference = 0.5))
})

test_that("a fact in both groups is its own control", {
  rows <- rmst_difference(transform(data, half = run), "half")$tables$rmst
  apart <- rmst_difference(data, "run", cluster = "")$tables$rmst
  expect_equal(rows$difference, apart$difference)
  same <- rbind(transform(data[data$run == data$run[[1]], ], half = "a"),
                transform(data[data$run == data$run[[1]], ], half = "b"))
  twins <- rmst_difference(same, "half")$tables$rmst
  expect_equal(c(twins$difference, twins$se), c(0, 0))
  expect_true(is.na(twins$p))
})

test_that("counting-process rows may be split, and a constant grouping is refused with a reason", {
  split <- survival::survSplit(all_columns, data, cut = c(3, 6))
  split$event <- split$event == 1
  whole <- rmst_difference(data, "latent")$tables$rmst
  expect_equal(rmst_difference(split, "latent")$tables$rmst, whole, tolerance = 1e-10)
  expect_equal(rmst_difference(transform(data, latent = TRUE), "latent")$status, "not estimable")
  expect_equal(run_fit(events, task_of(events, "rmst"))$rmst[names(whole)], whole, ignore_attr = TRUE)
})
