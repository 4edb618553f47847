# Times as a sum of tenths leaves them: 0.1 + 0.2 is not 0.3. Half of the rows have the sum, half the product.
events <- simulate_events()
exact <- events[events$outcome == "acquisition", ]
exact$start <- exact$start / 10
exact$stop <- exact$stop / 10
sums <- cumsum(rep(0.1, 100))
odd <- seq_len(nrow(exact)) %% 2L == 1L
rounded <- exact
for (column in c("stop", "left", "right")) {
  if (column != "stop") exact[[column]] <- exact[[column]] / 10
  rounded[[column]] <- exact[[column]]
  later <- odd & !is.na(exact[[column]]) & exact[[column]] > 0
  rounded[[column]][later] <- sums[round(exact[[column]][later] * 10)]
}

test_that("times that are one but for rounding are one in every model, as in coxph", {
  expect_gt(length(unique(rounded$stop)), length(unique(exact$stop)))
  expect_equal(sort(unique(same_times(rounded)$stop)), sort(unique(exact$stop)), tolerance = 1e-15)
  expect_equal(length(unique(same_times(rounded)$stop)), length(unique(exact$stop)))
  # Both are the same rows to the last digits of time: the fits are equal to the last digits, too.
  of <- function(data) cloglog(data, c("latent", "popularity"))$tables$coefficients$estimate
  expect_equal(of(rounded), of(exact), tolerance = 1e-12)
  expect_equal(probe_grid(rounded), probe_grid(exact))
  ready <- analysis_data(rounded, "acquisition", "first", c("latent", "popularity"))
  expect_equal(length(unique(ready$data$stop)), length(unique(exact$stop)))
})

test_that("what is apart stays as it is, and what is not finite stays what it was", {
  expect_identical(same_times(events), events)
  some <- data.frame(start = 0, stop = c(1, 1 + 1e-12, 2), left = c(NA, 1, 1), right = c(NA, 2, Inf))
  expect_identical(same_times(some)[c("left", "right")], some[c("left", "right")])
  expect_identical(same_times(some)$stop, c(1, 1, 2))
  by_survival <- unclass(survival::aeqSurv(survival::Surv(some$start, some$stop, c(1, 1, 1))))[, "stop"]
  expect_identical(same_times(some)$stop, unname(by_survival))
})
