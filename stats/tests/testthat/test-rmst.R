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

test_that("up to a horizon that is asked for: survfit's, within what is followed, and said", {
  rows <- rmst_difference(data, "latent", cluster = "", horizon = 5)
  formula <- as.formula("Surv(start, stop, event) ~ latent", env = asNamespace("survival"))
  own <- summary(survival::survfit(formula, data), rmean = 5)$table
  ours <- rows$tables$rmst
  expect_equal(c(ours$rmst_reference, ours$rmst), unname(own[, grep("^\\*?rmean", colnames(own))]), tolerance = 1e-8)
  expect_match(rows$notes[[1L]], "horizon, 5, as asked for")
  refused <- rmst_difference(data, "latent", horizon = 13)
  expect_equal(refused$reason, "the horizon 13 is beyond 12, the last time at which every group is followed")
  # Nobody is left in group a after 3: its mean does not change any more, and b is followed to 4.
  four <- data.frame(start = 0, stop = c(1, 3, 2, 4), event = c(TRUE, TRUE, TRUE, FALSE), x = c("a", "a", "b", "b"),
                     fact_id = 1:4)
  rows <- rmst_difference(four, "x", horizon = 4)$tables$rmst
  expect_equal(rows[c("horizon", "rmst_reference", "rmst")], data.frame(horizon = 4, rmst_reference = 2, rmst = 3))
  expect_equal(rmst_difference(four, "x", horizon = 5)$status, "not estimable")
  tasks <- plan_fits(events, standard_plan(outcomes = "acquisition", horizon = 5))
  task <- Filter(function(task) task$model == "rmst", tasks)[[1L]]
  expect_equal(run_fit(events, task)$rmst$horizon, 5)
  expect_error(plan_fits(events, standard_plan(horizon = -1)), "a time above 0")
  stays <- simulate_states(facts = 60L)
  expect_equal(unique(multi_state(stays, "x", horizon = 4)$tables$sojourns$horizon), 4)
  expect_null(multi_state(stays, "x", horizon = 40)$tables$sojourns)
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

test_that("in training examples: an epoch of one recipe is two of the other", {
  arms <- simulate_events(facts = 200L, arms = 2L)
  own <- analysis_data(arms, "acquisition", "first", "latent", c("fact_id", "arm"))$data
  expect_equal(unique(rmst_difference(own, "arm")$tables$rmst$axis), "time") # nothing is known of examples
  each <- ifelse(own$arm == "arm2", 160, 80)
  own$start_examples <- own$start * each
  own$stop_examples <- own$stop * each
  rows <- rmst_difference(own, "arm")$tables$rmst
  expect_equal(rows$axis, c("time", "examples"))
  expect_equal(rows$horizon, c(12, 12 * 80)) # arm2 is followed to 24 of arm1's epochs: the shorter one counts
  alone <- rmst_difference(transform(own, start = start_examples, stop = stop_examples), "arm")$tables$rmst
  expect_equal(alone[-2], rows[2, -2], ignore_attr = TRUE)
  # A recipe's own mean on the two axes is the same up to its factor.
  expect_equal(rows$rmst_reference[[2]], 80 * rows$rmst_reference[[1]])
  expect_equal(axes_of(transform(own, start = start_examples, stop = stop_examples))$examples, NULL)
  compared <- compare_arms(own, c("latent", "arm"), random = character())
  expect_equal(compared$tables$arms$examples_difference, rows$difference[[2]])
  expect_equal(compared$tables$arms$difference, rows$difference[[1]])
  without <- own[setdiff(names(own), "stop_examples")]
  none <- compare_arms(without, c("latent", "arm"), random = character())
  expect_true(is.na(none$tables$arms$examples_difference))
})
