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

test_that("rows that are all their own cluster have model-based errors, and too many person-periods say so", {
  one <- data[!duplicated(data$fact_id), ]
  expect_true(all(is.na(cloglog(one, "latent", cluster = "fact_id")$tables$coefficients$se_robust)))
  object <- cloglog(data, "latent", cluster = "")$object
  expect_null(cloglog_robust(object, in_numbers(data, "latent", cluster = "fact_id"), most = 100))
})
