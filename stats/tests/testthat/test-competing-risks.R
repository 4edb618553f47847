# Plasma cell malignancy and death in mgus2: numbers printed in survival's vignette "Multi-state models and competing
# risks" (compete.pdf).
test_that("mean months of the first 240, by sex, with their errors", {
  means <- state_occupation(mgus, "sex", horizon = 240)$tables$sojourns
  of <- function(state, column) means[[column]][means$state == state] / 12
  expect_equal(of("at risk", "mean"), c(9.853608, 8.675012), tolerance = 1e-6)
  expect_equal(of("pcm", "mean"), c(1.323284, 1.064693), tolerance = 1e-6)
  expect_equal(of("death", "mean"), c(8.823108, 10.260294), tolerance = 1e-6)
  expect_equal(of("at risk", "se"), c(0.2909061, 0.2627185), tolerance = 1e-6)
  expect_equal(of("pcm", "se"), c(0.1742312, 0.1417536), tolerance = 1e-6)
  counts <- transition_counts(mgus)
  expect_equal(counts$events, c(115, 860, 409))
})

test_that("cause-specific: age 0.0163 and 0.0649, sex -0.0050 and 0.3873, mspike 0.8840 and -0.0590", {
  complete <- mgus[!is.na(mgus$mspike), ]
  rows <- competing_risks(complete, c("age", "sex", "mspike"))$tables$transition_coefficients
  specific <- rows[rows$method == "cause-specific", ]
  # The vignette's fit breaks ties as Breslow does; times in months have many.
  breslow <- transition_models(complete, c("age", "sex", "mspike"), ties = "breslow")$tables$transition_coefficients
  expect_equal(round(breslow$estimate, 4), c(0.0163, -0.0050, 0.8840, 0.0649, 0.3873, -0.0590))
  expect_equal(specific$estimate, breslow$estimate, tolerance = 0.01)
})

test_that("Fine-Gray: sex -0.2290 (robust 0.1858) for pcm, 0.23349 (0.06828) for death", {
  rows <- competing_risks(mgus, "sex")$tables$transition_coefficients
  shares <- rows[rows$method == "subdistribution", ]
  expect_equal(round(shares$estimate, 4), c(-0.2290, 0.2335))
  expect_equal(round(shares$se_robust, 4), c(0.1858, 0.0683))
  expect_equal(shares$events, c(115, 860))
})

test_that("cmprsk, an independent implementation, has the same model and the same incidence", {
  skip_if_not_installed("cmprsk")
  data <- mgus[!is.na(mgus$mspike), ]
  set.seed(1)
  data$stop <- data$stop + runif(nrow(data)) / 100 # no ties: the packages break them in different ways
  code <- as.integer(data$to) - 1L
  theirs <- cmprsk::crr(data$stop, code, cbind(data$mspike, data$sex == "M"), failcode = 1, cencode = 0)
  ours <- competing_risks(data, c("mspike", "sex"))$tables$transition_coefficients
  ours <- ours[ours$method == "subdistribution" & ours$to == "pcm", ]
  expect_equal(ours$estimate, unname(theirs$coef), tolerance = 1e-6)
  # Theirs counts that the weights are estimated, the robust error does not: close, not equal.
  expect_equal(ours$se_robust, sqrt(diag(theirs$var)), tolerance = 0.03)
  incidence <- cmprsk::cuminc(data$stop, code)[["1 1"]]
  rows <- state_occupation(data)$tables$occupation
  rows <- rows[rows$state == "pcm" & rows$n_risk == 0, ]
  last <- tapply(incidence$est, incidence$time, max)
  both <- as.character(rows$time) %in% names(last)
  expect_gt(sum(both), 100L)
  expect_equal(rows$probability[both], as.numeric(last[as.character(rows$time[both])]), tolerance = 1e-10)
})
