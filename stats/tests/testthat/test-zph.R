events <- simulate_events(seed = 7L)
ready <- analysis_data(events, "acquisition", "first", c("latent", "popularity", "relation"), "fact_id", TRUE)
object <- fit_cox(ready$data, ready$covariates)
tables <- zph_tables(object, ready$terms)

test_that("tests and residuals are cox.zph's", {
  oracle <- survival::cox.zph(object, "identity")
  expect_equal(tables$zph_tests$chisq, unname(oracle$table[, "chisq"]))
  expect_equal(tables$zph_tests$df, c(1, 1, 2, 4))
  expect_equal(tables$zph_tests$term, c("latent", "popularity", "relation", "GLOBAL"))
  single <- survival::cox.zph(object, "identity", terms = FALSE)
  of_latent <- tables$zph_points[tables$zph_points$term == "latent", ]
  expect_equal(of_latent$residual, unname(single$y[, 1]))
  expect_equal(unique(tables$zph_points$term), ready$terms$term)
})

test_that("GLOBAL is the score test of all products with time", {
  cut <- sort(unique(ready$data$stop[ready$data$event]))
  long <- survival::survSplit(all_columns, ready$data, cut = cut)
  x <- model.matrix(~ latent + popularity + relation, long)[, -1]
  long$x <- x
  # In survSplit's intervals `stop` is the event time of the risk set, so x * stop is a time-dependent covariate.
  long$xt <- x * long$stop
  both <- survival::coxph(survival::Surv(start, stop, event) ~ x + xt, long, init = c(coef(object), rep(0, 4)),
                          control = survival::coxph.control(iter.max = 0))
  expect_equal(tables$zph_tests$chisq[[4]], both$score, tolerance = 1e-6)
})

test_that("the smoothed curve and its band are those of survival's plot", {
  oracle <- survival::cox.zph(object, "identity", terms = FALSE)
  skip_if_not("plot" %in% names(formals(utils::getS3method("plot", "cox.zph", envir = asNamespace("survival")))))
  for (i in seq_len(4)) {
    drawn <- plot(oracle, var = i, plot = FALSE)
    ours <- tables$zph_curves[tables$zph_curves$term == ready$terms$term[[i]], ]
    expect_equal(ours$time, drawn$x)
    expect_equal(ours$fit, drawn$y[, 1])
    # survival draws two standard errors, we 1.96.
    expect_equal((ours$upper - ours$fit) * 2 / qnorm(0.975), drawn$y[, 2] - drawn$y[, 1])
  }
})

test_that("on transformed time the curve comes back on the study's axis", {
  km <- zph_tables(object, ready$terms, transform = "km")
  expect_equal(range(km$zph_curves$time), range(ready$data$stop[ready$data$event]))
  expect_equal(km$zph_tests$chisq, unname(survival::cox.zph(object, "km")$table[, "chisq"]))
})

test_that("periods are one fit of all products with the period", {
  result <- zph_periods(ready$data, ready$covariates, cluster = "fact_id")
  cuts <- unique(result$table$to[result$table$period < 3])
  long <- survival::survSplit(all_columns, ready$data, cut = cuts, episode = "period")
  long$x <- model.matrix(~ latent + popularity + relation, long)[, -1]
  formula <- as.formula("Surv(start, stop, event) ~ x:strata(period) + cluster(fact_id)",
                        env = asNamespace("survival"))
  oracle <- survival::coxph(formula, long)
  coefficients <- coef(oracle)[!is.na(coef(oracle))]
  expect_equal(sort(result$table$estimate), sort(unname(coefficients)), tolerance = 1e-6)
  expect_equal(sort(result$table$se), sort(unname(sqrt(diag(vcov(oracle)))[names(coefficients)])), tolerance = 1e-6)
  expect_equal(sum(unique(result$table[c("period", "events")])$events), sum(ready$data$event))
})

test_that("a drift is found, and its size is in the periods", {
  set.seed(3)
  x <- rep(c(FALSE, TRUE), each = 400)
  time <- rexp(800) / ifelse(x, 0.3, 0.1)
  time[x & time > 4] <- 4 + rexp(sum(x & time > 4)) / 0.1
  rows <- data.frame(start = 0, stop = pmin(ceiling(time), 12), event = time <= 12, x = x, fact_id = seq_along(x))
  result <- cox(rows, "x")$tables
  expect_lt(result$zph_tests$p[[2]], 1e-4)
  hr <- result$zph_periods$hr
  expect_gt(hr[[1]], 2)
  expect_lt(abs(log(hr[[3]])), 0.5)
  curve <- result$zph_curves
  expect_gt(curve$fit[[1]], curve$fit[[40]])
})

test_that("thirds that tie are merged, and every period has events", {
  rows <- data.frame(start = 0, stop = rep(1:3, c(80, 10, 10)), event = rep(c(TRUE, FALSE, TRUE), c(80, 10, 10)),
                     x = rep(c(TRUE, FALSE), 50), fact_id = 1:100)
  result <- zph_periods(rows, "x")
  expect_equal(result$table$events, c(80, 10))
  expect_match(result$notes[[1]], "2 instead of 3 periods")
  rows <- rows[rows$stop == 1, ]
  expect_equal(zph_periods(rows, "x")$table$period, 1L)
  once <- cox(rows, "x")
  expect_null(once$tables$zph_tests)
  expect_match(once$notes, "all events are at one time", all = FALSE)
})
