events <- simulate_events(facts = 200L)
covariates <- c("latent", "popularity", "relation")
separated <- events
separated$event[separated$relation == "element"] <- FALSE
data <- analysis_data(separated, "acquisition", "first", covariates, "fact_id", TRUE)$data

test_that("with Breslow's ties it is coxphf, profile limits and p-values included", {
  skip_if_not_installed("coxphf")
  formula <- as.formula("Surv(start, stop, event) ~ latent + popularity + relation", env = asNamespace("survival"))
  # coxphf gives up on the p-value of the separated level, and says so.
  oracle <- suppressWarnings(coxphf::coxphf(formula, data, epsilon = 1e-10, gconv = 1e-8))
  ours <- cox_firth(data, covariates, ties = "breslow")
  rows <- ours$tables$coefficients
  expect_equal(rows$estimate, unname(oracle$coefficients), tolerance = 1e-7)
  expect_equal(rows$se, unname(sqrt(diag(oracle$var))), tolerance = 1e-6)
  expect_equal(rows$lower, unname(oracle$ci.lower), tolerance = 1e-5)
  expect_equal(rows$upper, unname(oracle$ci.upper), tolerance = 1e-5)
  known <- !is.na(oracle$prob)
  expect_equal(rows$p[known], unname(oracle$prob[known]), tolerance = 1e-5)
  expect_equal(ours$fit$loglik, oracle$loglik[[2]], tolerance = 1e-8)
})

test_that("closed form: two untied facts, one event, one covariate", {
  # Likelihood e^b / (1 + e^b), information p (1 - p): the penalised likelihood p^1.5 (1 - p)^0.5 is largest at p = 3/4.
  pair <- data.frame(start = 0, stop = 1:2, event = c(TRUE, FALSE), x = c(1, 0), fact_id = 1:2)
  rows <- cox_firth(pair, "x")$tables$coefficients
  expect_equal(rows$estimate, log(3), tolerance = 1e-5)
  drop <- 2 * (log(0.75^1.5 * 0.25^0.5) - log(0.5^1.5 * 0.5^0.5))
  expect_equal(rows$z, sqrt(drop), tolerance = 1e-6)
  at <- plogis(log(rows[c("lower", "upper")]) |> unlist())
  expect_equal(unname(2 * (log(0.75^1.5 * 0.25^0.5) - log(at^1.5 * (1 - at)^0.5))), rep(qchisq(0.95, 1), 2),
               tolerance = 1e-5)
})

test_that("it is fitted where events are few or an estimate is infinite, and otherwise says why not", {
  sound <- run_fit(events, task_of(events, "cox-firth"))
  expect_equal(sound$fits$status, "not needed")
  expect_null(sound$coefficients)
  tables <- run_fit(separated, task_of(events, "cox-firth"))
  expect_equal(tables$fits$status, "warning")
  expect_match(tables$fits$messages, "fitted because an estimate of the Cox model is infinite")
  expect_match(tables$fits$reason, "the intervals take the rows as independent, although each fact_id has several")
  expect_true(all(is.finite(tables$coefficients$lower) & is.finite(tables$coefficients$upper)))
  expect_false(any(tables$coefficients$infinite))
  rare <- events
  rare$event[setdiff(which(events$event), which(events$event & events$outcome == "acquisition")[1:15])] <- FALSE
  few <- run_fit(rare, task_of(events, "cox-firth"))
  expect_match(few$fits$messages, "fitted because there are 15 events for 4 coefficients")
  cox <- run_fit(rare, task_of(events, "cox"))
  expect_lt(sum(few$coefficients$estimate^2), sum(cox$coefficients$estimate^2))
})

test_that("strata have a baseline of their own, and the scale of a covariate does not matter", {
  whole <- cox_firth(data, c("latent", "popularity"), "relation", always = TRUE)$tables$coefficients
  larger <- cox_firth(transform(data, popularity = 1000 * popularity), c("latent", "popularity"), "relation",
                      always = TRUE)$tables$coefficients
  expect_equal(larger$estimate * c(1, 1000), whole$estimate, tolerance = 1e-6)
  expect_equal(larger$p, whole$p, tolerance = 1e-6)
  one <- droplevels(data[data$relation == "capital", ])
  twice <- rbind(one, transform(one, fact_id = paste0("again-", fact_id)))
  twice$half <- factor(rep(1:2, each = nrow(one)))
  # Two identical strata: twice the log likelihood, and half the variance.
  apart <- penalised_likelihood(twice, "latent", "half", "efron")
  alone <- penalised_likelihood(one, "latent", character(), "efron")
  at <- function(likelihood) likelihood$at(0.5 * likelihood$sds)
  expect_equal(at(apart)$loglik - at(apart)$half_logdet, 2 * (at(alone)$loglik - at(alone)$half_logdet))
  expect_equal(at(apart)$var / apart$sds^2, at(alone)$var / alone$sds^2 / 2)
})

test_that("late entry is conditioned on as by coxphf, and splitting a spell changes nothing", {
  skip_if_not_installed("coxphf")
  late <- data[data$stop > 2, ]
  late$start[seq(1, nrow(late), 2)] <- 1.5
  ours <- cox_firth(late, c("latent", "popularity"), ties = "breslow", always = TRUE)$tables$coefficients
  formula <- as.formula("Surv(start, stop, event) ~ latent + popularity", env = asNamespace("survival"))
  oracle <- coxphf::coxphf(formula, late, epsilon = 1e-10, gconv = 1e-8)
  expect_equal(ours$estimate, unname(oracle$coefficients), tolerance = 1e-7)
  expect_equal(ours$lower, unname(oracle$ci.lower), tolerance = 1e-5)
  # Another order of the same sums.
  split <- survival::survSplit(all_columns, late, cut = 4.5)
  split$event <- split$event == 1
  again <- cox_firth(split, c("latent", "popularity"), ties = "breslow", always = TRUE)$tables$coefficients
  expect_equal(again[c("estimate", "lower", "upper")], ours[c("estimate", "lower", "upper")], tolerance = 1e-6)
})
