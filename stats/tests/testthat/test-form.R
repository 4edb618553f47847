# One covariate bent (log hazard |x|), one straight, both in units of their own.
bent_data <- function(rows = 600L) {
  set.seed(4)
  data <- data.frame(x = rnorm(rows, 50, 10), z = rnorm(rows))
  time <- rexp(rows) / (0.15 * exp(abs(data$x - 50) / 10 + 0.4 * data$z))
  transform(data, start = 0, stop = pmin(ceiling(time), 10), event = time <= 10, fact_id = seq_len(rows), run = "r",
            outcome = "acquisition", rule = "first")
}
rows <- bent_data()
ready <- analysis_data(rows, "acquisition", "first", c("z", "x"), "fact_id", TRUE)
tables <- form_tables(ready$data, ready$covariates, terms = ready$terms)$tables
of <- function(table, term) tables[[table]][tables[[table]]$term == term, ]

test_that("the test and the curve of the penalised spline are survival's own", {
  oracle <- survival::coxph(as.formula("Surv(start, stop, event) ~ z + pspline(x, df = 4)", asNamespace("survival")),
                            rows, model = TRUE)
  # survival's summary of a spline looks for its own functions on the search path.
  attached <- !"package:survival" %in% search()
  if (attached) attachNamespace("survival")
  printed <- summary(oracle)$coefficients[2:3, ]
  if (attached) detach("package:survival")
  # z is in units of its SD and x is centred in ours: the same spline of the same values.
  expect_equal(of("form_tests", "x")$chisq, unname(printed[, "Chisq"]), tolerance = 1e-4)
  expect_equal(of("form_tests", "x")$df, unname(printed[, "DF"]), tolerance = 1e-4)
  drawn <- stats::termplot(oracle, terms = 2, se = TRUE, plot = FALSE, envir = environment())$x
  curve <- of("form_curves", "x")
  curve <- curve[curve$shape == "pspline", ]
  at <- match(round(curve$value, 8), round(drawn$x, 8))
  expect_false(anyNA(at))
  shift <- approx(drawn$x, drawn$y, median(rows$x))$y
  expect_equal(curve$fit, drawn$y[at] - shift, tolerance = 1e-3)
  expect_equal((curve$upper - curve$lower) / 2 / qnorm(0.975), drawn$se[at], tolerance = 1e-3)
})

test_that("a bent effect is found and mended, a straight one is left alone", {
  expect_lt(of("form_tests", "x")$p[[2]], 1e-6)
  expect_gt(of("form_tests", "z")$p[[2]], 0.01)
  shapes <- of("form_shapes", "x")
  expect_equal(shapes$shape, c("straight", "log", "spline"))
  expect_lt(shapes$aic[[3]], shapes$aic[[1]] - 10)
  expect_equal(of("form_shapes", "z")$shape, "straight")
  # The main covariate (z) has 0.4 a unit; the bend of x had drawn it towards zero.
  truth <- 0.4 * sd(rows$z)
  expect_lt(abs(log(shapes$main_hr[[3]]) - truth), 0.15)
  expect_equal(unique(shapes$main), "z")
})

test_that("quartile contrasts are those of the models, in the data's units", {
  straight <- survival::coxph(survival::Surv(start, stop, event) ~ z + x, rows)
  ends <- quantile(rows$x, c(0.25, 0.75), type = 1, names = FALSE)
  row <- of("form_shapes", "x")[1, ]
  expect_equal(c(row$from, row$to), ends)
  expect_equal(log(row$hr), coef(straight)[["x"]] * diff(ends))
  expect_equal(log(row$upper / row$hr), qnorm(0.975) * sqrt(vcov(straight)["x", "x"]) * diff(ends))
  spline <- survival::coxph(survival::Surv(start, stop, event) ~ z + splines::ns(x, 3), rows)
  expect_equal(of("form_shapes", "x")$loglik[[3]], spline$loglik[[2]])
  expect_equal(of("form_shapes", "x")$loglik[[2]],
               survival::coxph(survival::Surv(start, stop, event) ~ z + log(x), rows)$loglik[[2]])
})

test_that("points are the martingale residuals of the model without the covariate; of many rows, means", {
  null <- survival::coxph(survival::Surv(start, stop, event) ~ z, rows)
  residual <- residuals(null, "martingale")
  points <- of("form_points", "x")
  expect_equal(nrow(points), 100L)
  expect_equal(sum(points$rows), nrow(rows))
  expect_equal(sum(points$residual * points$rows), sum(residual))
  first <- order(rows$x)[seq_len(points$rows[[1]])]
  expect_equal(points$residual[[1]], mean(residual[first]))
  smooth <- of("form_curves", "x")
  smooth <- smooth[smooth$shape == "residuals", ]
  line <- lm(residual ~ splines::ns(x, df = 4), rows)
  expect_equal(smooth$fit, unname(predict(line, data.frame(x = smooth$value))))
})

test_that("nothing numeric is not needed, and one spline that fails leaves the other", {
  yes <- transform(rows, y = z > 0)
  expect_equal(form_tables(yes, "y")$status, "not needed")
  testthat::local_mocked_bindings(form_spline_tests = function(object, term) {
    if (term == "x") stop("no spline")
    data.frame(term = term, part = c("linear", "nonlinear"), chisq = 1, df = 1, p = 1)
  })
  result <- form_tables(ready$data, ready$covariates, terms = ready$terms)
  expect_equal(unique(result$tables$form_tests$term), "z")
  expect_match(result$remarks, "no curve of x: no spline")
})

test_that("a predictor that runs away is held where it is, and the curve of the others is that without its rows", {
  rows$wing <- factor(ifelse(rows$x < 49 & seq_len(nrow(rows)) %% 5 == 0, "lame", "whole"), c("whole", "lame"))
  lame <- rows$wing == "lame"
  rows$stop[lame] <- 10
  rows$event[lame] <- FALSE
  ready <- analysis_data(rows, "acquisition", "first", c("z", "wing", "x"), "fact_id", TRUE)
  form <- form_tables(ready$data, ready$covariates, terms = ready$terms)$tables$form_tests
  # Their hazard is e^-15 or so of the others': who never has an event and never counts in a risk set can be left out.
  kept <- analysis_data(rows[!lame, ], "acquisition", "first", c("z", "x"), "fact_id", TRUE)
  limit <- form_tables(kept$data, kept$covariates, terms = kept$terms)$tables$form_tests
  expect_equal(form$chisq[form$term == "x"], limit$chisq[limit$term == "x"], tolerance = 0.02)
})

test_that("a long tail, and values that are nearly all one, do not end in an error of the linear algebra", {
  set.seed(7)
  long <- data.frame(z = rnorm(300), k = rep(c(0, 1), c(290, 10)), x = rcauchy(300))
  long <- transform(long, start = 0, stop = pmin(ceiling(rexp(300) * 4 * exp(-3 * drop(scale(x)))), 10),
                    fact_id = 1:300, run = "r", outcome = "acquisition", rule = "first")
  long$event <- long$stop < 10 & long$k == 0
  read <- function(rows) {
    ready <- analysis_data(rows, "acquisition", "first", c("x", "z", "k"), "fact_id", TRUE)
    form_tables(ready$data, ready$covariates, terms = ready$terms)
  }
  tail <- read(long)
  expect_match(tail$remarks, "bends between its 5th and 95th percentile", all = FALSE)
  x <- tail$tables$form_curves
  expect_true(all(is.finite(x$fit[x$shape == "pspline"])))
  flat <- read(transform(long, x = c(rep(0, 294), 1:6)))
  expect_match(flat$remarks, "no curve of x: [0-9]+ events and these values of x do not carry", all = FALSE)
  expect_setequal(flat$tables$form_tests$term, "z")
})
