events <- simulate_events()
data <- events[events$outcome == "acquisition", ]
data$late <- ifelse(data$stop > 4 & data$popularity > stats::median(data$popularity), 2, 0)

# The sandwich by hand, on one row a person and period.
by_hand <- function(data, right, periods) {
  rows <- survival::survSplit(all_columns, data, cut = sort(unique(data$stop)))
  rows <- rows[rows$stop %in% unique(data$stop[data$event]), ]
  rows$period <- interaction(rows[periods], drop = TRUE)
  kept <- names(which(tapply(rows$event, rows$period, sum) > 0))
  rows <- droplevels(rows[rows$period %in% kept, ])
  fit <- stats::glm(stats::reformulate(c(right, "period"), "event"), stats::binomial("cloglog"), rows,
                    control = list(epsilon = 1e-12, maxit = 50))
  scores <- stats::model.matrix(fit) * stats::residuals(fit, "working") * stats::weights(fit, "working")
  meat <- crossprod(rowsum(scores, as.character(rows$fact_id)))
  sqrt(diag(stats::vcov(fit) %*% meat %*% stats::vcov(fit)))
}

# Both are sums of the same scores: apart by the convergence of the two fits only.
test_that("errors robust by cluster are the sandwich on person-period rows, with late entry and strata", {
  own <- cloglog(data, c("latent", "popularity", "relation"), cluster = "fact_id")$tables$coefficients
  se <- by_hand(data, c("latent", "popularity", "relation"), "stop")[2:5]
  expect_equal(own$se_robust, unname(se), tolerance = 1e-6)
  expect_equal(own$upper, exp(own$estimate + stats::qnorm(0.975) * own$se_robust))
  late <- transform(data, start = late)
  own <- cloglog(late, c("latent", "popularity"), "relation", "fact_id")$tables$coefficients
  expect_equal(own$se_robust, unname(by_hand(late, c("latent", "popularity"), c("stop", "relation"))[2:3]),
               tolerance = 1e-6)
})

test_that("rows that are all their own cluster have model-based errors", {
  one <- data[!duplicated(data$fact_id), ]
  expect_true(all(is.na(cloglog(one, "latent", cluster = "fact_id")$tables$coefficients$se_robust)))
})

# Both maximise one likelihood; glm() stops by the deviance, and its variance is that of its last step but one.
test_that("the grouped-time model of many rows is that of glm(): estimates, errors, likelihoods, counts", {
  late <- transform(data, start = pmin(late, stop - 0.5))
  for (link in c("cloglog", "logit")) for (strata in list(character(), "relation")) for (rows in list(data, late)) {
    numbers <- in_numbers(rows, c("latent", "popularity"), strata, "fact_id")
    usual <- cloglog_glm(numbers, link, "fact_id")
    linear <- cloglog_linear(numbers, link, "fact_id", few = 0L)
    expect_equal(linear$estimate, usual$estimate, tolerance = 1e-6)
    expect_equal(linear$errors, usual$errors, tolerance = 1e-6)
    expect_equal(linear$robust, usual$robust[names(linear$robust)], tolerance = 2e-6)
    same <- c("converged", "loglik", "null", "rows", "periods")
    expect_equal(linear[same], usual[same], tolerance = 1e-10)
  }
  expect_null(cloglog_linear(numbers, "cloglog", "fact_id"))
  expect_error(cloglog_linear(numbers, "cloglog", "fact_id", few = 0L, most = 100), "would take long and is left out")
})
