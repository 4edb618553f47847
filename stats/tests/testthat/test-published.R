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

test_that("veteran: Schoenfeld tests on the time axis and on its log (vignette of survival, section 3.5.2)", {
  data <- counting(survival::veteran, "time", survival::veteran$status == 1)
  covariates <- c("trt", "celltype", "karno")
  tests <- cox(data, covariates)$tables$zph_tests
  expect_equal(tests$term, c("trt", "celltype", "karno", "GLOBAL"))
  expect_equal(round(tests$chisq, 5), c(0.00493, 18.41391, 6.05160, 20.87086))
  expect_equal(tests$df, c(1, 3, 1, 5))
  expect_equal(round(tests$p, 5), c(0.94402, 0.00036, 0.01389, 0.00086))
  logged <- zph_tables(fit_cox(data, covariates), describe_terms(data, covariates), transform = "log")$zph_tests
  expect_equal(round(logged$chisq, 3), c(0.215, 13.586, 10.079, 21.451))
})

test_that("colon: fluorouracil and levamisole cut recurrences by 40 per cent", {
  # Moertel et al. (1995), Annals of Internal Medicine 122:321 (P < 0.0001); levamisole alone did nothing.
  data <- subset(survival::colon, etype == 1)
  rows <- cox_univariable(counting(data, "time", data$status == 1), "rx")$tables$coefficients
  expect_equal(rows$term, c("rx:Lev", "rx:Lev+5FU"))
  expect_equal(round(1 - rows$hr[[2]], 2), 0.40)
  expect_lt(rows$p[[2]], 1e-4)
  expect_gt(rows$p[[1]], 0.5)
})

test_that("colon, coarsened: Efron stays, Breslow goes towards zero, exact away from it (vignette of survival)", {
  data <- subset(survival::colon, etype == 1)
  covariates <- c("node4", "extent")
  half_years <- counting(transform(data, time = floor(time * 12 / 365 / 6) + 1), "time", data$status == 1)
  of_node4 <- function(fit) fit$tables$coefficients$estimate[[1]]
  days <- of_node4(cox_univariable(counting(data, "time", data$status == 1), covariates))
  fit <- function(ties) of_node4(cox_univariable(half_years, covariates, ties = ties))
  ours <- vapply(c("efron", "breslow"), fit, 0)
  # Its figure: at half years (standard error .096) Efron is about .01 from the days' estimate, the others .03 or more.
  expect_lt(abs(ours[["efron"]] - days), 0.015)
  expect_lt(ours[["breslow"]], days - 0.03)
  expect_gt(of_node4(cox_exact(half_years, covariates)), days + 0.03)
})

test_that("rats: gamma frailty of litters 0.906 (0.323), variance 0.474, likelihood -181.1 (tests of survival)", {
  # Mantel, Bohidar and Ciminera (1977), Cancer Research 37:3863; tests/fr_rat1.Rout.save in survival's source package.
  data <- subset(survival::rats, sex == "f")
  data <- counting(transform(data, litter = factor(litter)), "time", data$status == 1)
  fit <- frailty_gamma(data, "rx", "litter", ties = "breslow")
  expect_equal(round(fit$tables$coefficients$estimate, 3), 0.906)
  expect_equal(round(fit$tables$coefficients$se, 3), 0.323)
  expect_equal(round(fit$tables$variances$variance, 3), 0.474)
  expect_equal(round(fit$fit$loglik, 4), -181.0773)
})

test_that("retinopathy: -0.42467 (0.18497), 0.34084 (0.19558), -0.84566 (0.30353)", {
  # Lee, Wei and Amato (1992); printed in the PHREG chapter of the SAS/STAT user's guide (ties by Breslow).
  data <- survival::retinopathy
  data <- counting(transform(data, adult = as.numeric(type == "adult")), "futime", data$status == 1)
  data <- transform(data, fact_id = id, both = adult * trt)
  rows <- cox_univariable(data, c("trt", "adult", "both"), cluster = "fact_id", ties = "breslow")$tables$coefficients
  expect_equal(round(rows$estimate, 5), c(-0.42467, 0.34084, -0.84566))
  expect_equal(round(rows$se_robust, 5), c(0.18497, 0.19558, 0.30353))
})
