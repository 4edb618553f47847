# Numbers printed in the documentation of the packages that ship the data.

counting <- function(data, time, event) {
  data$start <- 0
  data$stop <- data[[time]]
  data$event <- event
  data[c("fact_id", "run")] <- list(seq_len(nrow(data)), "r")
  data
}

test_that("lung by sex: Cox -0.5310 (0.1672), concordance 0.579", {
  fit <- cox_univariable(counting(survival::lung, "time", survival::lung$status == 2), "sex")
  expect_equal(round(fit$tables$coefficients$estimate, 4), -0.5310)
  expect_equal(round(fit$tables$coefficients$se, 4), 0.1672)
  expect_equal(round(fit$fit$concordance, 3), 0.579)
})

test_that("ovarian by rx: median 638 and none; log-rank 1.1 (help page of survdiff)", {
  data <- counting(survival::ovarian, "futime", survival::ovarian$fustat == 1)
  data$rx <- factor(data$rx)
  expect_equal(round(score_test(data, "rx")$tables$tests$statistic, 1), 1.1)
  curve <- km_curves(data, "rx")$tables$curves
  median_of <- function(rx) suppressWarnings(min(curve$time[curve$stratum == rx & curve$survival <= 0.5]))
  expect_equal(median_of("1"), 638)
  expect_equal(median_of("2"), Inf)
})

test_that("eortc: coefficient 0.7086, variance 0.1084 (vignette of coxme)", {
  skip_if_not_installed("coxme")
  found <- new.env()
  data("eortc", package = "coxme", envir = found)
  data <- counting(found$eortc, "y", found$eortc$uncens == 1)
  fit <- cox_mixed(data, "trt", "center")
  expect_equal(round(fit$tables$coefficients$estimate, 4), 0.7086)
  expect_equal(round(fit$tables$coefficients$se, 4), 0.0642)
  # The optimum is flat: vignette and this fit agree to about one per cent of the variance.
  expect_equal(fit$tables$variances$variance, 0.1084, tolerance = 0.01)
  expect_equal(fit$fit$loglik, -10520.65, tolerance = 1e-6)
  expect_equal(fit$tables$variances$levels, 37)
  expect_false(fit$tables$variances$boundary)
  expect_equal(fit$tables$variances$median_hr, exp(sqrt(2 * fit$tables$variances$variance) * qnorm(0.75)))
  # An independent implementation of the same model.
  formula <- survival::Surv(start, stop, event) ~ trt + frailty(center, distribution = "gaussian")
  environment(formula) <- asNamespace("survival")
  oracle <- survival::coxph(formula, data)
  expect_equal(fit$tables$coefficients$estimate, unname(oracle$coefficients[["trt"]]), tolerance = 1e-3)
})
