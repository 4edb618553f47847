# Therneau and Grambsch (2000), Modeling Survival Data, appendix E.1: six subjects, one tie of two events. With
# r = exp(beta), by hand: at t = 1 the risk set is 3r + 3; at t = 6 it is r + 3 with events x = 1 and x = 0; at t = 9
# it is the last subject.
tiny <- data.frame(
  start = 0, stop = c(9, 1, 1, 6, 6, 8), event = c(TRUE, TRUE, FALSE, TRUE, TRUE, FALSE), x = c(0, 1, 1, 1, 0, 0),
  fact_id = letters[1:6], run = "r"
)

test_that("Breslow's partial likelihood is r^2 / ((3r + 3)(r + 3)^2)", {
  r <- (3 + sqrt(33)) / 2
  fit <- cox_univariable(tiny, "x", ties = "breslow")
  expect_equal(fit$tables$coefficients$estimate, log(r), tolerance = 1e-8)
  expect_equal(fit$fit$loglik, log(r^2 / ((3 * r + 3) * (r + 3)^2)))
  information <- r / (r + 1)^2 + 6 * r / (r + 3)^2
  expect_equal(fit$tables$coefficients$se, 1 / sqrt(information), tolerance = 1e-6)
})

test_that("Efron's partial likelihood is 2 r^2 / ((3r + 3)(r + 3)(r + 5))", {
  r <- uniroot(function(r) 2 / r - 1 / (r + 1) - 1 / (r + 3) - 1 / (r + 5), c(1, 20), tol = 1e-12)$root
  fit <- cox_univariable(tiny, "x")
  expect_equal(fit$tables$coefficients$estimate, log(r), tolerance = 1e-8)
  expect_equal(fit$fit$loglik, log(2 * r^2 / ((3 * r + 3) * (r + 3) * (r + 5))))
})

test_that("the score test at zero is U^2 / I: log-rank with Breslow's variance", {
  # U = (1 - 1/2) + (1 - 2/4), I = 1/4 + 2 * (1/4 * 3/4)
  fit <- score_test(tiny, "x", cluster = "", ties = "breslow")
  expect_equal(fit$tables$tests$statistic, 1 / (1 / 4 + 6 / 16))
})

test_that("without ties the score test is survdiff's log-rank test", {
  lung <- transform(survival::lung, start = 0, stop = time + seq_along(time) / 1000, event = status == 2)
  ours <- score_test(lung, "sex", cluster = "")$tables$tests
  theirs <- survival::survdiff(survival::Surv(stop, event) ~ sex, lung)
  expect_equal(ours$statistic, theirs$chisq, tolerance = 1e-8)
  expect_equal(ours$df, 1)
})

test_that("one covariate in one period: the cloglog estimate is the difference of log(-log(1 - p))", {
  rows <- data.frame(start = 0, stop = rep(c(1, 2), c(40, 60)), event = rep(c(TRUE, FALSE), c(40, 60)),
                     x = rep(c(FALSE, TRUE, FALSE, TRUE), c(10, 30, 40, 20)))
  fit <- cloglog(rows, "x")$tables$coefficients
  expect_equal(fit$estimate, log(-log(1 - 30 / 50)) - log(-log(1 - 10 / 50)), tolerance = 1e-8)
})

test_that("Kaplan-Meier and Greenwood by hand", {
  curve <- km_curves(tiny, cluster = "fact_id")$tables$curves
  expect_equal(curve$time, c(0, 1, 6, 8, 9))
  expect_equal(curve$survival, c(1, 5 / 6, 5 / 6 * 2 / 4, 5 / 12, 0))
  expect_equal(curve$n_risk, c(6, 6, 4, 2, 1))
  expect_equal(curve$n_censor, c(0, 1, 0, 1, 0))
  greenwood <- sqrt(1 / (6 * 5) + 2 / (4 * 2)) / abs(log(5 / 12))
  expect_equal(curve$upper[[3]], (5 / 12)^exp(-qnorm(0.975) * greenwood))
  expect_equal(curve$incidence_lower, 1 - curve$upper)
})

test_that("a lone event between its neighbours: no effect, standard error sqrt(3 / 2)", {
  # L = r / (1 + r + r^2), largest at r = 1, where x has variance 2/3 in the risk set.
  lone <- data.frame(start = 0, stop = c(2, 1, 3), event = c(FALSE, TRUE, FALSE), x = c(0, 1, 2),
                     fact_id = letters[1:3], run = "r")
  for (ties in c("efron", "breslow")) {
    fit <- cox_univariable(lone, "x", ties = ties)
    expect_equal(fit$tables$coefficients$estimate, 0, tolerance = 1e-8)
    expect_equal(fit$tables$coefficients$se, sqrt(3 / 2))
    expect_equal(fit$fit$loglik, -log(3))
  }
  # The first to go has left nobody with x = 0 behind at the event: L = 1 / (1 + r) falls for ever.
  runs_away <- suppressWarnings(cox_univariable(transform(lone, stop = c(0.5, 1, 3)), "x"))
  expect_true(runs_away$tables$coefficients$infinite)
})

test_that("the Schoenfeld score test by hand: U^2 / (I22 - I12^2 / I11)", {
  # At t = 1 one event (x = 1) of 3r + 3; at t = 6 two (x = 1 and 0) of r + 3, by Efron's second step of (r + 5) / 2.
  # Each step adds x - p to the score and p (1 - p) to the information of beta; a drift in t weights them by t and t^2.
  by_hand <- function(r, p) {
    time <- c(1, 6, 6)
    score <- c(1 - p[[1]], 1 - p[[2]] - p[[3]])
    information <- p * (1 - p)
    drift <- sum(c(1, 6) * score)
    drift^2 / (sum(information * time^2) - sum(information * time)^2 / sum(information))
  }
  r <- (3 + sqrt(33)) / 2
  breslow <- cox(tiny, "x", ties = "breslow")$tables$zph_tests
  expect_equal(breslow$chisq[[1]], by_hand(r, c(r / (r + 1), r / (r + 3), r / (r + 3))), tolerance = 1e-6)
  r <- uniroot(function(r) 2 / r - 1 / (r + 1) - 1 / (r + 3) - 1 / (r + 5), c(1, 20), tol = 1e-12)$root
  efron <- cox(tiny, "x")$tables$zph_tests
  expect_equal(efron$chisq[[1]], by_hand(r, c(r / (r + 1), r / (r + 3), r / (r + 5))), tolerance = 1e-6)
  expect_equal(efron$df, c(1, 1))
  expect_equal(efron$chisq[[2]], efron$chisq[[1]])
})
