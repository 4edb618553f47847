events <- simulate_events()
data <- analysis_data(events, "acquisition", "first", c("latent", "popularity"), c("fact_id", "group", "run"),
                      TRUE)$data

test_that("the gamma frailty is frailtyEM's: variance, its likelihood interval, coefficients, likelihood", {
  skip_if_not_installed("frailtyEM")
  env <- new.env(parent = asNamespace("survival"))
  formula <- as.formula("Surv(start, stop, event) ~ latent + popularity + cluster(group)", env = env)
  # frailtyEM handles ties as Breslow does.
  oracle <- frailtyEM::emfrail(formula, data, distribution = frailtyEM::emfrail_dist(dist = "gamma"))
  told <- summary(oracle)
  ours <- frailty_gamma(data, c("latent", "popularity"), "group", ties = "breslow")
  rows <- ours$tables$variances
  expect_equal(rows$variance, told$fr_var[["fr_var"]], tolerance = 1e-3)
  expect_equal(c(rows$lower, rows$upper), unname(told$fr_var[c("ci_frvar_low", "ci_frvar_high")]), tolerance = 0.02)
  expect_equal(ours$fit$loglik, oracle$loglik[[2]], tolerance = 1e-6)
  expect_equal(ours$tables$coefficients$estimate, unname(told$coefmat[, "coef"]), tolerance = 1e-3)
  expect_equal(ours$tables$coefficients$se, unname(told$coefmat[, "se(coef)"]), tolerance = 1e-2)
})

# 40 groups of 50, 6 checkpoints, 0.3 of gamma variance: large enough for coxph's own search to go astray.
grouped <- function(variance, groups = 40L, size = 50L, seed = 5L) {
  set.seed(seed)
  frailty <- if (variance > 0) rgamma(groups, 1 / variance, 1 / variance) else rep(1, groups)
  rows <- data.frame(group = factor(rep(seq_len(groups), each = size)), x = rnorm(groups * size))
  time <- rexp(nrow(rows)) / (0.15 * frailty[rows$group] * exp(0.5 * rows$x))
  transform(rows, start = 0, stop = pmin(ceiling(time), 12), event = time <= 12, fact_id = seq_along(time))
}

test_that("a known variance lies in the profile interval, and is told from none", {
  tables <- frailty_gamma(grouped(0.3), "x", "group")$tables
  rows <- tables$variances
  expect_lt(rows$lower, 0.3)
  expect_gt(rows$upper, 0.3)
  expect_lt(rows$p, 1e-6)
  expect_equal(tables$coefficients$estimate, 0.5, tolerance = 0.15)
  # The maximum of the profile: survival's own search must not find a higher likelihood.
  formula <- as.formula("Surv(start, stop, event) ~ x + frailty(group, distribution = \"gamma\")",
                        env = asNamespace("survival"))
  theirs <- survival::coxph(formula, grouped(0.3))$history[[1]]$c.loglik
  expect_gte(frailty_gamma(grouped(0.3), "x", "group")$fit$loglik, theirs - 1e-3)
})

test_that("no variance is a boundary, with an interval that begins at zero", {
  result <- frailty_gamma(grouped(0, seed = 2L), "x", "group")
  rows <- result$tables$variances
  expect_equal(rows$lower, 0)
  expect_gt(rows$p, 0.05)
  expect_lt(rows$upper, 0.1)
})

test_that("the test of a variance halves the p-value of one degree of freedom", {
  expect_equal(boundary_test(-100, -100 - qchisq(0.9, 1) / 2)$p, 0.05)
  expect_equal(boundary_test(-100, -99.99), list(chisq = 0, p = 1))
})

test_that("coxme's variances are tested by fits without them, and their profiles end where likelihood says", {
  skip_if_not_installed("coxme")
  rows <- grouped(0.3, size = 20L)
  result <- cox_mixed(rows, "x", "group")
  variances <- result$tables$variances
  without <- fit_cox(rows, "x")$loglik[[2]]
  expect_equal(variances$chisq, 2 * (result$fit$loglik - without), tolerance = 1e-6)
  at <- function(variance) fit_coxme(rows, "x", "group", fixed = list(variance))$loglik[["Integrated"]]
  expect_equal(2 * (result$fit$loglik - c(at(variances$lower), at(variances$upper))), rep(qchisq(0.95, 1), 2),
               tolerance = 0.05)
  expect_lt(variances$lower, variances$variance)
  patient <- profile_variances(rows, list(fixed = "x", random = "group"), character(), "efron", 0.95,
                               list(value = result$object), variances, patience = c(test = 0, interval = 0))
  expect_true(all(is.na(unlist(patient$table))))
  expect_match(patient$notes, "no test, interval of the variances: one fit takes about 0 s")
})

test_that("the Gaussian stand-in is close to coxme, and says that it stands in", {
  skip_if_not_installed("coxme")
  rows <- grouped(0.3)
  terms <- describe_terms(rows, "x")
  ours <- gaussian_stand_in(rows, "x", "group", character(), "efron", 0.95, terms)
  mixed <- cox_mixed(rows, "x", "group")
  expect_equal(ours$tables$coefficients$estimate, mixed$tables$coefficients$estimate, tolerance = 0.01)
  expect_equal(ours$tables$variances$variance, mixed$tables$variances$variance, tolerance = 0.1)
  expect_match(ours$remarks, "stands in for the model with random effects. Remedy", all = FALSE)
  expect_match(ours$fit$engine, "in place of coxme")
})

test_that("a profile whose tables would be too large is left out, and that is said", {
  rows <- data.frame(fact_id = 1:600, run = "a", start = 0, stop = 1:600, event = TRUE, x = 0:1,
                     group = factor(rep(1:20, 30)))
  ours <- gaussian_stand_in(rows, "x", "group", character(), "efron", 0.95, describe_terms(rows, "x"))
  expect_match(ours$notes,
               "no test or interval of the variance: 20 levels at 600 event times are too many", all = FALSE)
})

# Rows whose only covariate is binary, so that identical rows of the person-period table collapse to counts.
crossed_groups <- function(seed, random) {
  set.seed(seed)
  rows <- expand.grid(group = factor(1:30), run = factor(1:8), copy = 1:8)
  effects <- stats::rnorm(30, 0, 0.6)[rows$group] + ("run" %in% random) * stats::rnorm(8, 0, 0.4)[rows$run]
  rows$x <- stats::rbinom(nrow(rows), 1, 0.4)
  time <- stats::rexp(nrow(rows)) / (0.06 * exp(effects + 0.7 * rows$x))
  transform(rows, start = 0, stop = pmin(ceiling(time), 15), event = time <= 15, fact_id = seq_along(time))
}

for (random in list("group", c("group", "run"))) {
  test_that(paste("coxme, the Gaussian stand-in and a cloglog mixed model agree:", toString(random)), {
    skip_if_not_installed("coxme")
    rows <- crossed_groups(11L, random)
    mixed <- cox_mixed(rows, "x", random, profile = FALSE)
    # mgcv integrates a binomial model over Gaussian effects (Laplace, maximum likelihood): other rows, another
    # likelihood and other code than the partial likelihood's.
    periods <- person_periods(rows, c("x", random))
    smooths <- paste0("s(", random, ", bs = \"re\")")
    formula <- stats::reformulate(c(".period", "x", smooths), "cbind(.events, .rows - .events)")
    grouped_time <- mgcv::gam(formula, family = stats::binomial("cloglog"), data = periods, method = "ML")
    utils::capture.output(sd <- mgcv::gam.vcomp(grouped_time))
    sd <- if (is.matrix(sd)) sd[seq_along(random), 1L] else sd
    coefficient <- mixed$tables$coefficients
    variances <- mixed$tables$variances
    # Efron's likelihood is drawn to zero by ties, at this hazard by less than 1 % of the coefficient, a tenth of its
    # error; each method takes its own Laplace approximation.
    expect_lt(abs(stats::coef(grouped_time)[["x"]] - coefficient$estimate) / coefficient$se, 0.1)
    expect_equal(sqrt(stats::vcov(grouped_time)["x", "x"]), coefficient$se, tolerance = 0.01)
    # Maximum likelihood spends one of n levels on the intercept, which the partial likelihood does not have: its
    # variance is smaller by up to 1/n.
    variances <- variances[match(random, variances$grouping), ]
    ratio <- unname(sd)^2 / variances$variance
    expect_true(all(ratio > 1 - 1 / variances$levels - 0.02 & ratio < 1.02))
    predicted <- mixed$tables$random_effects
    theirs <- stats::coef(grouped_time)[-seq_len(1L + nlevels(periods$.period))]
    ours <- unlist(lapply(random, function(grouping) {
      one <- predicted[predicted$grouping == grouping, ]
      one[match(levels(periods[[grouping]]), one$level), "estimate"]
    }))
    expect_gt(stats::cor(theirs, ours), 0.999)
    expect_equal(unname(theirs), ours, tolerance = 0.05)
    if (length(random) == 1L) {
      terms <- describe_terms(rows, "x")
      gaussian <- gaussian_stand_in(rows, "x", random, character(), "efron", 0.95, terms)
      expect_lt(abs(gaussian$tables$coefficients$estimate - coefficient$estimate) / coefficient$se, 0.05)
      expect_equal(gaussian$tables$variances$sd, variances$sd, tolerance = 0.03)
    }
  })
}

test_that("standard errors of a gamma frailty are those of the whole information", {
  rows <- grouped(0.3, groups = 12L, size = 10L)
  rows$z <- factor(as.integer(rows$group) %% 3L) # of the groups: where the sparse ones are off by 3 %
  ours <- frailty_gamma(rows, c("x", "z"), "group")$tables
  at <- function(sparse) {
    fit <- fit_frailty(rows, c("x", "z"), "group", variance = ours$variances$variance, sparse = sparse)
    sqrt(diag(as.matrix(fit$var)))[1:3]
  }
  # Both end within the tolerance of coxph()'s likelihood, 1e-9, in whose root the coefficients agree.
  expect_equal(ours$coefficients$se, at(FALSE), tolerance = 1e-6)
  expect_gt(max(abs(at(TRUE) / at(FALSE) - 1)), 0.01)
})

test_that("a variance says how many levels it rests on, and what it is under the other treatment of ties", {
  events <- simulate_events(facts = 400L)
  data <- events[events$outcome == "acquisition" & events$rule == "first", ]
  repeated <- sum(tapply(data$event, as.character(data$group), sum) >= 2)
  for (engine in c("coxme", "fast")) {
    efron <- cox_mixed(data, "latent", "group", mixed_engine = engine)$tables$variances
    breslow <- cox_mixed(data, "latent", "group", mixed_engine = engine, ties = "breslow")$tables$variances
    expect_equal(c(efron$levels_two, breslow$levels_two), c(repeated, repeated))
    # Searches from other starts end within 1e-3 of each other: coxme's own tolerance is of the likelihood.
    expect_equal(efron$variance_other, breslow$variance, tolerance = 1e-2)
    expect_equal(breslow$variance_other, efron$variance, tolerance = 1e-2)
  }
  efron <- frailty_gamma(data, "latent", "group")$tables$variances
  breslow <- frailty_gamma(data, "latent", "group", ties = "breslow")$tables$variances
  expect_equal(c(efron$variance_other, breslow$variance_other), c(breslow$variance, efron$variance), tolerance = 1e-3)
  expect_gt(abs(efron$variance / breslow$variance - 1), 0.05) # it is another one
})

test_that("a frailty of many levels: a factor that serves for a while ends at the same maximum", {
  rows <- grouped(0.3, groups = 300L, size = 4L)
  counted <- mixed_rows(rows, "x", "group")
  path <- function(many) {
    Reduce(function(from, variance) gamma_maximum(counted, variance, "efron", from, many = many), c(0.1, 3, 0.3),
           NULL, accumulate = TRUE)[-1L]
  }
  # The search ends where less than 1e-9 of the log likelihood is to be gained.
  for (k in 1:3) {
    usual <- path(Inf)[[k]]
    lasting <- path(0L)[[k]]
    expect_equal(lasting$integrated, usual$integrated, tolerance = 1e-8 / abs(usual$integrated))
    expect_equal(lasting$beta, usual$beta, tolerance = 1e-5)
    expect_equal(lasting$b, usual$b, tolerance = 1e-4)
  }
})

test_that("a frailty that would take hours is left out before it starts, and says so", {
  n <- 24000L # each its own time, two of each fact: 2.9e8 products of levels and events
  rows <- data.frame(fact_id = factor(rep(seq_len(n / 2), 2)), start = 0, stop = as.double(seq_len(n)), event = TRUE,
                     x = stats::rnorm(n))
  left_out <- frailty_gamma(rows, "x", "fact_id")
  expect_equal(left_out$status, "not estimable")
  expect_match(left_out$reason, "left out for its cost: a gamma frailty of 12000 levels of fact_id with 24000 events")
})

test_that("labels dealt out anew leave no variance of people, and their own keep it", {
  skip_if_not_installed("coxme")
  learned <- simulate_learning(facts = 200, seeds = 1, groups = 50, variance = c(group = 0.5), log_hr = numeric(),
                               seed = 3)
  told <- variance_shuffled(learned, "group", strata = "run")
  expect_equal(told$p, 1 / 20)
  expect_lt(told$shuffled_median, 0.1)
  expect_gt(told$variance, 2 * told$shuffled_upper)
  # Where labels mean nothing they are among the shuffles: the same rows, dealt out before.
  learned$group <- seeded(1, sample(learned$group))
  expect_gt(variance_shuffled(learned, "group", strata = "run")$p, 0.05)
})
