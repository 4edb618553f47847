events <- simulate_events(runs = 3L)
data <- analysis_data(events, "acquisition", "first", c("latent", "popularity"), c("fact_id", "group", "run"),
                      TRUE)$data

test_that("the errors of normal effects are those of survival's penalised fit, held at the same variance", {
  skip_if_not_installed("coxme")
  rows <- random_rows(fit_coxme(data, c("latent", "popularity"), "group", fixed = list(0.1)))
  formula <- as.formula(
    "Surv(start, stop, event) ~ latent + popularity + frailty(group, distribution = 'gaussian', theta = 0.1,
     sparse = FALSE)", env = asNamespace("survival"))
  oracle <- survival::coxph(formula, data)
  own <- grep("gauss", names(coef(oracle)))
  # Two searches for the same maximum: 1e-4 of a standard error of about 0.2.
  expect_equal(rows$estimate, unname(coef(oracle)[own]), tolerance = 1e-4)
  expect_equal(rows$se, sqrt(diag(oracle$var))[own], tolerance = 1e-4)
  expect_equal(rows$upper, exp(rows$estimate + qnorm(0.975) * rows$se))
})

test_that("each of several groupings has its own errors", {
  skip_if_not_installed("coxme")
  rows <- random_rows(fit_coxme(data, "latent", c("fact_id", "group"), fixed = list(0.2, 0.1)))
  expect_equal(as.vector(table(rows$grouping)[c("fact_id", "group")]),
               c(length(unique(data$fact_id)), length(unique(data$group))))
  # Nothing is known about an effect beyond its prior where there is little data, and never less than the prior.
  fact <- rows[rows$grouping == "fact_id", ]
  expect_true(all(fact$se < sqrt(0.2) * 1.05))
  expect_true(all(rows$se[rows$grouping == "group"] < sqrt(0.1) * 1.05))
  expect_lt(mean(rows$se[rows$grouping == "group"]), mean(fact$se))
})

test_that("gamma: the interval is the posterior's, given the expected events of each level", {
  object <- fit_frailty(data, "latent", "group", variance = 0.3)
  rows <- gamma_rows(object, data, "group", 0.3)
  # Independent of the formula used: expected events without the frailty, from the martingale residuals.
  events_of <- as.vector(rowsum(as.numeric(data$event), data$group))
  expected <- events_of - as.vector(rowsum(residuals(object, "martingale"), data$group))
  hazard <- expected / exp(object$frail)
  # Breslow-type residuals of an Efron fit: 2 % covers the difference in the baseline between the two.
  expect_equal(rows$hr, (1 / 0.3 + events_of) / (1 / 0.3 + hazard), tolerance = 0.02)
  expect_equal(rows$lower, qgamma(0.025, 1 / 0.3 + events_of, 1 / 0.3 + hazard), tolerance = 0.02)
  expect_true(all(rows$lower < rows$hr & rows$hr < rows$upper))
})

test_that("the stand-in without coxme has intervals too, a little shorter: it ignores how effects hang together", {
  object <- fit_frailty(data, "latent", "group", distribution = "gaussian", variance = 0.1)
  rows <- gaussian_rows(object, data, "group")
  expect_true(all(rows$lower < rows$hr & rows$hr < rows$upper))
  expect_equal(rows$level, levels(factor(data$group)))
})
