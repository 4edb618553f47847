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

test_that("every transform is cox.zph's: rows, counts, random effects as an offset, a covariate alone, with strata", {
  many <- as_levels(subset(simulate_events(4000L, 1L), outcome == "acquisition"), c("latent", "relation", "group"))
  late <- transform(many, start = ifelse(as.integer(group) %% 3L == 0L & stop > 2, 1, start))
  few <- c("latent", "relation")
  terms <- describe_terms(late, few)
  alone <- describe_terms(late, "latent")
  effects <- data.frame(grouping = "group", level = levels(late$group), estimate = sin(seq_len(nlevels(late$group))))
  late$given <- effects$estimate[match(late$group, effects$level)]
  for (strata in list(character(), "arm2")) {
    late$arm2 <- rep(c("x", "y"), length.out = nrow(late))
    plain <- fit_cox(late, few, strata)
    right <- c(few, "offset(given)", sprintf("strata(%s)", strata))
    offset <- survival::coxph(as.formula(paste("survival::Surv(start, stop, event) ~", paste(right, collapse = "+"))),
                              late, init = coef(plain), control = survival::coxph.control(iter.max = 0))
    for (way in c("identity", "km", "rank", "log")) {
      of <- function(object) unname(survival::cox.zph(object, way)$table[, "chisq"])
      on_rows <- cox(late, few, strata, counts_from = Inf, zph = way)$tables
      expect_equal(on_rows$zph_tests$chisq, of(plain))
      expect_equal(unique(on_rows$zph_tests$transform), way)
      on_counts <- cox(late, few, strata, counts_from = 1, zph = way)
      expect_equal(on_counts$fit$engine, "counts")
      expect_equal(on_counts$tables$zph_tests$chisq, of(plain), tolerance = 1e-7) # both maxima to 1e-9 of the estimate
      single <- survival::cox.zph(plain, way, terms = FALSE)
      expect_equal(sort(on_counts$tables$zph_points$residual), sort(as.vector(single$y)), tolerance = 1e-6)
      expect_equal(range(on_counts$tables$zph_curves$time), range(late$stop[late$event]))
      given <- zph_given_random(late, few, strata, "efron", terms, coef(plain), effects, way)
      expect_equal(given$zph_tests$chisq, of(offset))
      tested <- cox_tested(late, "latent", strata, terms = alone, zph = way)
      expect_equal(tested$tables$zph_tests$chisq, of(fit_cox(late, "latent", strata)))
    }
  }
})

test_that("the plan's and a model's transform reach every fit that tests, and others are refused", {
  models <- list(list(name = "mine", outcome = "acquisition", formula = "latent + pspline(popularity)", zph = "log"),
                 list(name = "group", kind = "frailty", outcome = "acquisition", formula = "latent + (1 | group)",
                      engine = "gaussian"))
  plan <- standard_plan(outcomes = "acquisition", zph = "rank", models = models)
  tasks <- plan_fits(events, plan)
  tested <- c("cox", "cox-univariable", "cox-stratified", "frailty-gamma", "coxme", "frailty")
  tasks <- Filter(function(task) task$model %in% tested, tasks)
  tasks <- tasks[!duplicated(vapply(tasks, function(task) paste(task$model, task$name), ""))]
  ways <- lapply(tasks, function(task) unique(run_fit(events, task)$zph_tests$transform))
  names(ways) <- vapply(tasks, function(task) paste0(task$model, task$name), "")
  expect_equal(ways$coxmine, "log")
  expect_true(all(unlist(ways[names(ways) != "coxmine"]) == "rank"))
  expect_gt(length(unlist(ways)), 4)
  expect_error(plan_fits(events, standard_plan(zph = "km2")), "zph = 'km2' is no transform of time")
  early <- transform(ready$data, start = start - 2, stop = stop - 2)
  expect_error(zph_tables(fit_cox(early, "latent"), describe_terms(early, "latent"), transform = "log"), "after 0")
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

test_that("of very many events the points are 10,000 from the first to the last; tests and curves are of all", {
  set.seed(3)
  n <- 12000L
  rows <- data.frame(fact_id = seq_len(n), start = 0, stop = ceiling(stats::rexp(n) * 5), event = TRUE,
                     x = stats::rnorm(n))
  tables <- cox(rows, "x", counts_from = Inf)$tables
  all <- survival::cox.zph(survival::coxph(Surv(start, stop, event) ~ x, rows), transform = "identity")
  points <- tables$zph_points
  expect_equal(nrow(points), 10000L)
  expect_equal(range(points$time), range(all$time))
  # Each is the residual of an event: the same numbers but for the scaling of x (1e-8).
  expect_true(all(signif(points$residual, 6) %in% signif(as.vector(all$y), 6)))
  expect_equal(tables$zph_tests$chisq[[1]], all$table["x", "chisq"], tolerance = 1e-6)
})
