# Recurrences of bladder cancer: tests/bladder.Rout.save in survival's source package.
bladder_rows <- function(data = survival::bladder2) {
  data.frame(data, fact_id = data$id, run = "r")[names(data) != "event"] |>
    transform(event = data$event == 1)
}

test_that("Andersen-Gill on bladder2, Breslow: rx -0.45979 (robust 0.25801), size -0.04256, number 0.17164", {
  fit <- andersen_gill(bladder_rows(), c("rx", "size", "number"), ties = "breslow")
  rows <- fit$tables$coefficients
  expect_equal(round(rows$estimate, 5), c(-0.45979, -0.04256, 0.17164))
  expect_equal(round(rows$se, 5), c(0.19996, 0.06903, 0.04733))
  expect_equal(round(rows$se_robust, 5), c(0.25801, 0.07555, 0.06131))
  counts <- fit$tables$transition_counts
  happened <- subset(survival::bladder2, event == 1)
  expect_equal(counts$events[counts$to == "event"], as.integer(table(happened$enum)))
})

test_that("PWP of the second recurrence in gap time: rx -0.259112 (0.405110), number -0.005709 (0.096671)", {
  second <- bladder_rows(subset(survival::bladder2, enum == 2))
  rows <- pwp(second, c("rx", "size", "number"), ties = "breslow", clock = "gap")$tables$coefficients
  expect_equal(round(rows$estimate, 6), c(-0.259112, -0.116363, -0.005709))
  expect_equal(round(rows$se, 6), c(0.405110, 0.119236, 0.096671))
})

test_that("episodes number the events and start the clock anew", {
  data <- bladder_rows()
  shuffled <- episodes(data[c(seq(2, nrow(data), 2), seq(1, nrow(data), 2)), ])
  expect_equal(shuffled$enum[match(paste(data$id, data$start), paste(shuffled$id, shuffled$start))], data$enum)
  made <- episodes(data)
  expect_equal(made$gap_stop - made$gap_start, data$stop - data$start)
  expect_true(all(made$gap_start == 0))
  fit <- pwp(data, "rx")
  own <- survival::coxph(survival::Surv(start, stop, event) ~ rx + strata(enum), data, cluster = id)
  expect_equal(fit$tables$coefficients$estimate, unname(coef(own)), tolerance = 1e-10)
  expect_equal(fit$tables$coefficients$se_robust, unname(sqrt(own$var[1])), tolerance = 1e-8)
})

test_that("splitting a spell changes neither model", {
  data <- bladder_rows()
  first <- transform(data, stop = (start + stop) / 2, event = FALSE)
  second <- transform(data, start = (start + stop) / 2)
  split <- rbind(first, second)
  for (fit in list(andersen_gill, function(...) pwp(..., clock = "gap"), function(...) pwp(..., clock = "total"))) {
    whole <- fit(data, c("rx", "number"))
    parts <- fit(split, c("rx", "number"))
    expect_equal(parts$tables$coefficients, whole$tables$coefficients, tolerance = 1e-7)
  }
})

test_that("a fact is at risk of being forgotten only while it is recalled, and its clock starts when it comes back", {
  states <- simulate_states(facts = 60L)
  recalled <- states[states$from %in% c("known", "reacquired"), ]
  recalled$event <- recalled$to == "forgotten"
  made <- episodes(recalled[names(recalled) != "enum"])
  expect_equal(made$enum, recalled$enum)
  expect_equal(made$gap_stop, recalled$gap)
  expect_true(all(made$gap_start == 0))
  expect_equal(pwp(recalled, "x")$status, NULL)
})

test_that("each number of a forgetting is counted by itself, also the ninth", {
  data <- data.frame(fact_id = rep(c("a", "b"), c(9, 2)), run = "r", start = c(0:8, 0, 3), stop = c(1:9, 3, 4),
                     event = TRUE, x = rep(c(0, 1), c(9, 2)))
  counts <- andersen_gill(data, "x")$tables$transition_counts
  expect_equal(counts$stratum, as.character(1:9))
  expect_equal(counts$events, c(2, 2, rep(1, 7)))
})

test_that("rows that overlap are refused", {
  data <- bladder_rows()
  data$start[[6]] <- data$stop[[5]] - 1
  data$id <- data$fact_id <- rep(seq_len(nrow(data) / 2), each = 2)
  expect_match(andersen_gill(data, "rx")$reason, "overlap in time")
})
