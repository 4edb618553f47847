covariates <- c("latent", "popularity")
peer <- jsonlite::read_json(test_path("fixtures", "icenReg.json"), simplifyVector = TRUE) # by icenReg.R beside it

test_that("Weibull: time ratios, and the hazard ratios and errors of icenReg's parametric model", {
  data <- unshared_events(400L)
  ours <- aft(data, covariates, distributions = "weibull")$tables$aft
  theirs <- peer$weibull
  expect_equal(log(ours$hr), theirs$coefficients[3:4], tolerance = 1e-4) # their search stops at 1e-5
  expect_equal(log(ours$hr_upper / ours$hr) / stats::qnorm(0.975), theirs$se[3:4], tolerance = 1e-3)
  for (distribution in c("lognormal", "loglogistic")) {
    ours <- aft(data, covariates, distributions = distribution)
    theirs <- peer[[distribution]]
    expect_equal(ours$fit$loglik, theirs$loglik, tolerance = 1e-6, info = distribution)
    expect_equal(abs(ours$tables$aft$estimate), abs(theirs$coefficients[3:4]), tolerance = 1e-3, info = distribution)
  }
})

test_that("the distribution is chosen by AIC, and each has its rows", {
  found <- aft(unshared_events(800L), covariates)
  rows <- found$tables$aft
  expect_equal(unique(rows$distribution), c("weibull", "lognormal", "loglogistic"))
  expect_equal(unique(rows$distribution[rows$chosen]), names(which.min(tapply(rows$aic, rows$distribution, min))))
  expect_equal(unique(rows$distribution[rows$chosen]), "weibull") # the truth is exponential
  expect_true(all(is.na(rows$hr) == (rows$distribution != "weibull")))
  # Exponential: the time ratio is one over the hazard ratio; truth 0.7, within three standard errors.
  weibull <- rows[rows$distribution == "weibull", ]
  expect_lt(abs(weibull$estimate[[1]] + 0.7), 3 * weibull$se[[1]])
  expect_true(all(weibull$lower < weibull$time_ratio & weibull$time_ratio < weibull$upper))
})

test_that("an origin other than 0, robust errors, and what is refused", {
  data <- unshared_events(300L)
  times <- c("start", "stop", "left", "right")
  later <- data
  later[times] <- lapply(data[times], `+`, 100)
  expect_equal(aft(later, covariates)$tables$aft, aft(data, covariates)$tables$aft)
  twice <- rbind(data, transform(data, run = paste0(data$run, "-again")))
  one <- aft(data, covariates)$tables$aft
  two <- aft(twice, covariates, cluster = "fact_id")$tables$aft
  expect_equal(two$se, one$se / sqrt(2), tolerance = 1e-4)
  expect_equal(two$se_robust, one$se, tolerance = 0.15) # the model holds: a sandwich of 300 facts
  data$start[data$left > 0][1] <- 1
  refused <- aft(data, covariates)
  expect_equal(refused$status, "not estimable")
  expect_match(refused$reason, "1 rows enter late .*kind \"interval\"")
})
