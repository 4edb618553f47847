covariates <- c("latent", "popularity")
peer <- jsonlite::read_json(test_path("fixtures", "icenReg.json"), simplifyVector = TRUE) # by icenReg.R beside it

test_that("with one shared grid it is the grouped-time (cloglog) model", {
  events <- simulate_events(facts = 300L)
  ready <- analysis_data(events, "acquisition", "first", c("latent", "popularity", "relation"), "fact_id", TRUE)
  ours <- interval_ph(ready$data, ready$covariates, cluster = "fact_id", terms = ready$terms)
  grouped <- cloglog(ready$data, ready$covariates, terms = ready$terms)
  # glm stops when the deviance changes by less than 1e-12 of itself: 1e-6 of a coefficient.
  expect_equal(ours$tables$coefficients$estimate, grouped$tables$coefficients$estimate, tolerance = 1e-6)
  expect_equal(ours$fit$loglik, grouped$fit$loglik, tolerance = 1e-10)
  # Observed against expected information: the same to a few per cent at this size.
  expect_equal(ours$tables$coefficients$se, grouped$tables$coefficients$se, tolerance = 0.05)
  by_strata <- interval_ph(ready$data, "latent", strata = "relation", terms = describe_terms(ready$data, "latent"))
  grouped <- cloglog(ready$data, "latent", strata = "relation", terms = describe_terms(ready$data, "latent"))
  expect_equal(by_strata$tables$coefficients$estimate, grouped$tables$coefficients$estimate, tolerance = 1e-6)
})

test_that("grids that differ: the maximum is that of icenReg's semi-parametric model", {
  data <- unshared_events(400L)
  ours <- fit_interval(data, covariates)
  theirs <- peer$semi
  expect_equal(unname(ours$coefficients), theirs$coefficients, tolerance = 1e-5) # their search stops at 1e-5
  expect_equal(ours$loglik, theirs$loglik, tolerance = 1e-8)
  expect_true(ours$converged)
})

test_that("without covariates it is the nonparametric estimate: icenReg's, survfit's, and Kaplan and Meier's", {
  data <- unshared_events(400L)
  ours <- turnbull(data, draws = 20L)$tables$turnbull
  at <- match(ours$right[-1], peer$curve$upper)
  expect_equal(1 - ours$incidence[-1], peer$curve$survival[at], tolerance = 1e-6)
  left <- ifelse(data$left > 0, data$left, NA)
  survfits <- survival::survfit(survival::Surv(left, data$right, type = "interval2") ~ 1)
  survival <- summary(survfits, times = ours$right[-1])$surv
  expect_equal(1 - ours$incidence[-1], survival, tolerance = 1e-3) # survfit's search stops 2e-4 early here
  shared <- simulate_events(facts = 200L, runs = 1L)
  shared <- shared[shared$outcome == "acquisition", ]
  km <- km_curves(shared)$tables$curves
  ours <- turnbull(shared, draws = 200L)$tables$turnbull
  expect_equal(ours$incidence, km$incidence[km$n_event > 0 | km$time == 0], tolerance = 1e-7)
  # Percentiles of 200 samples against log-log limits: a tenth of the incidence apart at most, where it is not tiny.
  far <- ours$incidence > 0.2
  expect_equal(ours$lower[far], km$incidence_lower[km$n_event > 0 | km$time == 0][far], tolerance = 0.1)
  expect_equal(ours$upper[far], km$incidence_upper[km$n_event > 0 | km$time == 0][far], tolerance = 0.1)
})

test_that("a coarse grid of each run's own: Cox on the right ends is biased, the interval model is not", {
  # Truth 0.7; three runs of 200 facts each, probed twice. 60 replicates: the Monte-Carlo error of the mean is about
  # 0.015; three of them are allowed. The Cox model of the exact times is the yardstick on the very same facts.
  grids <- list(c(3, 12), c(6, 12), c(9, 12))
  found <- vapply(seq_len(60L), function(seed) {
    data <- unshared_events(600L, 300L + seed, grids = grids)
    exact <- transform(data, stop = pmin(time, 12))
    c(cox = stats::coef(fit_cox(data, covariates))[[1]], exact = stats::coef(fit_cox(exact, covariates))[[1]],
      interval = fit_interval(data, covariates)$coefficients[[1]])
  }, numeric(3))
  error <- function(values) stats::sd(values) / sqrt(length(values))
  expect_lt(abs(mean(found["interval", ]) - 0.7), 3 * error(found["interval", ]))
  paired <- found["interval", ] - found["exact", ]
  expect_lt(abs(mean(paired)), 3 * error(paired))
  expect_lt(mean(found["cox", ]), 0.7 - 10 * error(found["cox", ]))
})

test_that("splitting a spell, the units of time and the order of rows change nothing", {
  data <- unshared_events(300L)
  whole <- fit_interval(data, covariates, cluster = "fact_id")
  # Each row in two at a probe before its event: the first without event, the second entering late.
  cut <- ifelse(data$event, data$left, data$stop / 2)
  first <- transform(data, stop = cut, left = cut, right = NA, event = FALSE)[cut > 0, ]
  second <- transform(data, start = cut)
  both <- rbind(second, first)
  split <- fit_interval(both, covariates, cluster = "fact_id")
  expect_equal(split$coefficients, whole$coefficients, tolerance = 1e-9) # the same likelihood, to rounding
  expect_equal(split$var[1:2, 1:2], whole$var[1:2, 1:2], tolerance = 1e-7)
  times <- c("start", "stop", "left", "right")
  tokens <- data
  tokens[times] <- lapply(data[times], `*`, 1e7)
  expect_equal(fit_interval(tokens, covariates)$coefficients, whole$coefficients, tolerance = 1e-9)
  again <- fit_interval(data[sample(nrow(data)), ], covariates)
  expect_equal(again$coefficients, whole$coefficients, tolerance = 1e-9)
})

test_that("late entry is conditioned on, also inside an interval", {
  # All facts, and those that entered at 3 without an event before: the same effect, less information.
  data <- unshared_events(3000L, grids = list(c(3, 5, 9), c(4, 12), c(3, 8, 10)))
  entered <- transform(data, start = 3)[data$time > 3, ]
  late <- fit_interval(entered, covariates)
  # Forgetting the entry would count three epochs in which nothing could happen as survived.
  expect_lt(abs(late$coefficients[[1]] - 0.7), 3 * sqrt(late$naive_var[1, 1]))
  expect_equal(late$baseline$time[[1]], 4)
  # All enter at once: to survreg that is another origin, and no late entry.
  expect_null(aft(entered, covariates)$status)
  incidence <- turnbull(entered, draws = 20L)$tables$turnbull
  expect_equal(incidence$right[[1]], 3)
  expect_true(all(diff(incidence$incidence) > 0 & diff(incidence$incidence) < 1))
})

test_that("robust errors count a fact once, however often its rows are repeated", {
  data <- unshared_events(300L)
  twice <- rbind(data, transform(data, run = paste0(data$run, "-again")))
  one <- interval_ph(data, covariates)
  two <- interval_ph(twice, covariates, cluster = "fact_id")
  expect_equal(two$tables$coefficients$estimate, one$tables$coefficients$estimate, tolerance = 1e-8)
  expect_equal(two$tables$coefficients$se, one$tables$coefficients$se / sqrt(2), tolerance = 1e-6)
  # The model holds, so the sandwich of 300 facts is the information to within a tenth.
  expect_equal(two$tables$coefficients$se_robust, one$tables$coefficients$se, tolerance = 0.1)
})

test_that("everybody or nobody has the event in a piece, and separation is named", {
  data <- unshared_events(200L, grids = list(c(2, 6), c(3, 9)), baseline = 3)
  all_gone <- data[data$event, ]
  theirs <- peer$all_gone
  expect_equal(unname(fit_interval(all_gone, covariates)$coefficients), theirs$coefficients, tolerance = 1e-4)
  data <- unshared_events(200L)
  data$event[data$latent == "FALSE"] <- FALSE
  data$stop[!data$event] <- 9
  data$right[!data$event] <- NA
  found <- interval_ph(data, covariates)
  expect_equal(found$tables$coefficients$infinite, c(TRUE, FALSE))
  expect_match(found$doubt, "separation", all = FALSE)
})

test_that("the grid is judged by its intervals", {
  shared <- simulate_events(facts = 100L)
  shared <- shared[shared$outcome == "acquisition", ]
  expect_equal(probe_grid(shared)[c("shared", "sparse", "checkpoints")],
               list(shared = TRUE, sparse = FALSE, checkpoints = 12L))
  expect_equal(interval_where_needed(shared, "latent")$status, "not needed")
  expect_equal(turnbull_where_needed(shared)$status, "not needed")
  few <- shared[shared$stop <= 5, ]
  expect_equal(probe_grid(few)[c("shared", "sparse")], list(shared = TRUE, sparse = TRUE))
  expect_match(probe_grid(unshared_events(100L))$words, "not all facts were probed at the same times")
  # Censored, or entering, inside an interval of others: nobody's period.
  inside <- shared
  inside$stop[which(!inside$event)[[1]]] <- 7.5
  expect_false(probe_grid(inside)$shared)
  unknown <- shared[setdiff(names(shared), "left")]
  expect_match(interval_where_needed(unknown, "latent")$reason, "no columns left and right")
  expect_error(fit_interval(unknown, "latent"), "there is no `left`")
  exact <- transform(shared, left = NaN, right = NaN) # a table whose events have a time, and no interval
  expect_match(turnbull_where_needed(exact)$reason, "the intervals of the events are unknown")
  exact$left[exact$event][-1] <- 0
  exact$right[exact$event][-1] <- 1
  expect_match(turnbull_where_needed(exact)$reason, "the intervals of 1 events are unknown")
  # Splitting a spell between the probes of the others is no entry and no censoring.
  first <- shared[shared$stop > 5, ][1, ]
  halves <- rbind(transform(first, stop = 4.5, left = 4.5, right = NA, event = FALSE), transform(first, start = 4.5))
  expect_equal(probe_grid(rbind(halves, shared[rownames(shared) != rownames(first), ]))[c("shared", "sparse")],
               list(shared = TRUE, sparse = FALSE))
  wrong <- transform(shared, left = stop)
  expect_error(fit_interval(wrong, "latent"), "have no interval \\(left < right\\), the first for fact 'f")
})

test_that("many distinct times are joined into pieces", {
  data <- unshared_events(1500L, grids = lapply(1:60, function(i) sort(c(i / 10, 4 + i / 15, 9 + i / 20))))
  joined <- fit_interval(data, covariates, pieces = 12L)
  free <- fit_interval(data, covariates, pieces = 500L)
  expect_equal(nrow(joined$baseline), 12L)
  # The hazard is constant in truth: joining costs nothing that would be seen beside the standard error.
  gap <- abs(joined$coefficients - free$coefficients) / sqrt(diag(free$naive_var)[1:2])
  expect_true(all(gap < 0.25))
})

test_that("a grid is shared where no interval overlaps another or holds an entry or an end, also of many times", {
  set.seed(5L)
  naive <- function(data) {
    rows <- censoring_intervals(data)
    seen <- unique(data.frame(left = rows$left, right = rows$right)[rows$event, ])
    seen <- seen[order(seen$left, seen$right), ]
    overlap <- nrow(seen) > 1L && any(seen$left[-1L] < cummax(seen$right)[-nrow(seen)])
    others <- c(rows$entry, rows$left[!rows$event])
    !overlap && !any(vapply(others, function(t) any(seen$left < t & t < seen$right), TRUE))
  }
  found <- vapply(seq_len(60L), function(i) {
    n <- 12L
    left <- sample(0:30, n, TRUE)
    data <- data.frame(run = "r", fact_id = seq_len(n), start = 0, left = left,
                       right = left + sample(1:2, n, TRUE, prob = c(0.9, 0.1)), event = stats::runif(n) < 0.6)
    data$stop <- ifelse(data$event, data$right, data$left + 1)
    expect_equal(probe_grid(data)$shared, naive(data))
    probe_grid(data)$shared
  }, TRUE)
  expect_gt(sum(found), 5) # both answers occur
  expect_gt(sum(!found), 5)
  # Distinct times all over: linear in them (before: each time against each interval, hours at this size).
  n <- 2e5
  left <- seq_len(n)
  many <- data.frame(run = "r", fact_id = seq_len(n), start = left - 0.25, stop = left + 0.5, event = TRUE,
                     left = left, right = left + 0.5)
  expect_true(probe_grid(many)$shared)
  expect_match(run_fit(transform(many[1:6000, ], rule = "first", outcome = "loss"), list(
    id = "t", fn = "turnbull_where_needed", outcome = "loss", rule = "first", model = "turnbull",
    args = list(by = "", cluster = "fact_id", conf = 0.95)
  ))$fits$status, "not needed")
  expect_error(check_pieces(list(event = rep(TRUE, n), entry = many$start, left = left, right = many$right)),
               "too many for Turnbull's estimate")
})
