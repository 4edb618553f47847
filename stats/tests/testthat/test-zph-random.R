events <- simulate_events(runs = 3L)
data <- analysis_data(events, "acquisition", "first", c("latent", "popularity"), c("fact_id", "group", "run"),
                      TRUE)$data
covariates <- c("latent", "popularity")
terms <- describe_terms(data, covariates)

# The score test of x * time with the random effects as an offset, on rows split at every event time.
score_of_time <- function(data, offset, estimate, columns = seq_along(estimate)) {
  data$.offset <- offset
  cut <- sort(unique(data$stop[data$event]))
  long <- suppressWarnings(survival::survSplit(all_columns, data, cut = cut))
  long$x <- model.matrix(~ latent + popularity, long)[, -1]
  long$xt <- long$x[, columns, drop = FALSE] * long$stop
  survival::coxph(survival::Surv(start, stop, event) ~ x + xt + offset(.offset), long,
                  init = c(estimate, rep(0, length(columns))), control = survival::coxph.control(iter.max = 0))$score
}

test_that("with coxme: on the tested df, and the score test of x * time given the random effects", {
  skip_if_not_installed("coxme")
  fit <- cox_mixed(data, covariates, c("group", "run"), profile = FALSE)
  tests <- fit$tables$zph_tests
  expect_equal(tests$term, c(covariates, "GLOBAL"))
  expect_equal(tests$df, c(1, 1, 2))
  effects <- coxme::ranef(fit$object)
  offset <- effects$group[as.character(data$group)] + effects$run[as.character(data$run)]
  fixed <- coxme::fixef(fit$object)
  # Both are the same quadratic form; coxme stops its iterations at about 1e-6 of the log likelihood.
  expect_equal(tests$chisq[[3]], score_of_time(data, offset, fixed), tolerance = 1e-3)
  # The test of one term lets the other one's coefficient move but not its drift: one product with time.
  expect_equal(tests$chisq[[2]], score_of_time(data, offset, fixed, 2L), tolerance = 1e-3)
})

# survival's table of the same penalised fit, at the variance that ours found.
survivals_own <- function(data, right, fit) {
  text <- sprintf("Surv(start, stop, event) ~ %s, theta = %.17g)", right, fit$tables$variances$variance)
  object <- survival::coxph(as.formula(text, env = asNamespace("survival")), data, model = TRUE)
  survival::cox.zph(object, "identity")$table
}

test_that("survival's own GLOBAL of a frailty fit is on the penalised df, ours is not", {
  fit <- frailty_gamma(data, covariates, "group")
  theirs <- survivals_own(data, "latent + popularity + frailty(group", fit)
  ours <- fit$tables$zph_tests
  # The statistic is the same; 1e-6 for the refit of the baseline without iterations.
  expect_equal(ours$chisq, unname(theirs[, "chisq"]), tolerance = 1e-6)
  expect_equal(ours$df[[3]], 2)
  expect_gt(theirs["GLOBAL", "df"], 5)
  expect_lt(ours$p[[3]], theirs["GLOBAL", "p"] / 2)
})

test_that("the published case: kidney, one covariate, GLOBAL of 1 df as the term's own", {
  kidney <- transform(survival::kidney, start = 0, stop = time, event = status == 1, fact_id = seq_along(id),
                      run = "r", female = sex == 2)
  fit <- suppressWarnings(frailty_gamma(kidney, "female", "id")) # about a variance far from the best one
  tests <- fit$tables$zph_tests
  expect_equal(tests$p[[1]], tests$p[[2]])
  theirs <- survivals_own(kidney, "female + frailty(id", fit)
  expect_gt(theirs["GLOBAL", "p"], 0.99)
  expect_lt(tests$p[[2]], 0.5)
})

test_that("without coxme the stand-in is tested in the same way, and what cannot be tested says so", {
  fit <- gaussian_stand_in(data, covariates, "group", character(), "efron", 0.95, terms)
  expect_equal(fit$tables$zph_tests$df, c(1, 1, 2))
  once <- transform(data[data$event, ], start = 0, stop = 1)
  none <- zph_given_random(once, covariates, character(), "efron", terms, c(0, 0), fit$tables$random_effects)
  expect_null(none$zph_tests)
  expect_match(none$remarks, "all events are at one time")
})
