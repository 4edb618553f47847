events <- simulate_events(facts = 200L)
task <- task_of(events, "cox")
fit <- function(events, task) run_fit(events, task)$fits
changed <- function(task, ...) {
  task$args <- utils::modifyList(task$args, list(...))
  task
}
of <- function(events, outcome = "acquisition") which(events$outcome == outcome)

test_that("an empty risk set", {
  for (each in plan_fits(events, standard_plan(outcomes = "acquisition"))) {
    row <- fit(events[-of(events), ], each)
    expect_equal(row$status, "not estimable")
    expect_equal(row$reason, "no fact is at risk of acquisition under the rule 'first'")
    expect_equal(row[c("rows", "events")], data.frame(rows = 0L, events = 0L))
  }
})

test_that("no event, one event", {
  none <- transform(events, event = FALSE)
  facts <- length(unique(events$fact_id[of(events)]))
  for (model in c("cox", "cloglog", "coxme", "score", "cox-univariable")) {
    row <- fit(none, task_of(events, model))
    expect_equal(row$status, "not estimable")
    expect_equal(row$reason, sprintf("no event among %d facts", facts))
  }
  flat <- run_fit(none, task_of(events, "km"))
  expect_equal(flat$fits$status, "warning")
  expect_equal(flat$fits$reason, sprintf("no event among %d facts: the curve is flat", facts))
  expect_true(all(flat$curves$survival == 1))
  none$event[of(none)[[1]]] <- TRUE
  expect_match(fit(none, task)$reason, "one event among")
})

test_that("a constant and a determined covariate are left out, and said", {
  constant <- run_fit(transform(events, latent = TRUE), task)
  expect_equal(constant$fits$status, "warning")
  expect_match(constant$fits$reason, "latent is left out: it is constant (TRUE)", fixed = TRUE)
  expect_false("latent" %in% constant$coefficients$term)
  expect_equal(fit(transform(events, latent = TRUE), changed(task, covariates = "latent"))$reason,
               "no covariate is left; latent is left out: it is constant (TRUE)")
  twice <- transform(events, also = 2 * popularity + 1)
  row <- run_fit(twice, changed(task, covariates = c("popularity", "also")))
  expect_match(row$fits$reason, "also is left out: it is determined by popularity")
  expect_equal(row$coefficients$term, "popularity")
})

test_that("a column that is not there, with the nearest name", {
  row <- fit(events, changed(task, covariates = c("latent", "popularty")))
  expect_equal(row$status, "failed")
  expect_equal(row$reason, "the table has no column 'popularty'; the nearest is 'popularity'")
  expect_match(fit(events, changed(task, cluster = "fact"))$reason, "no column 'fact'; the nearest is 'fact_id'")
})

test_that("missing values and empty intervals are dropped, counted and said", {
  holes <- events
  holes$popularity[of(holes)[1:5]] <- NA
  holes$stop[of(holes)[6:7]] <- 0
  row <- fit(holes, task)
  expect_equal(row$dropped, 7L)
  expect_equal(row$status, "warning")
  expect_match(row$reason, "5 of [0-9]+ rows dropped for missing values \\(popularity: 5\\)")
  expect_match(row$reason, "2 rows dropped whose interval is empty")
  expect_equal(row$rows, length(of(holes)) - 7L)
  holes$popularity <- NA_real_
  expect_match(fit(holes, task)$reason, "no row is left")
})

test_that("separation is a finding: the separated term has no numbers, the others keep theirs", {
  separated <- events
  separated$event[separated$relation == "element"] <- FALSE
  for (model in c("cox", "cloglog", "coxme")) {
    if (model == "coxme" && !requireNamespace("coxme", quietly = TRUE)) next
    tables <- run_fit(separated, task_of(events, model))
    rows <- tables$coefficients
    expect_equal(rows$infinite, rows$term == "relation:element")
    expect_true(all(is.na(rows[rows$infinite, c("estimate", "se", "hr", "lower", "upper", "z", "p")])))
    expect_true(all(is.finite(rows$hr[!rows$infinite])))
    expect_equal(tables$fits$status, "warning")
    expect_match(tables$fits$reason, "separation: the hazard ratio of relation:element has no finite estimate")
    expect_match(tables$fits$reason, "no event among the [0-9]+ rows with relation = element")
    expect_match(tables$fits$reason, "Firth")
  }
  tables <- run_fit(separated, task)
  expect_match(tables$fits$warnings, "may be infinite")
  expect_match(tables$fits$messages, "Schoenfeld analysis without relation")
  expect_equal(tables$zph_tests$term, c("latent", "popularity", "GLOBAL"))
  separated$event <- events$event & events$relation == "element"
  expect_match(fit(separated, task)$reason, "the reference level: choose another one")
})

test_that("monotone likelihood of a numeric covariate", {
  rows <- events[of(events)[1:40], ]
  rows[c("stop", "event", "popularity")] <- list(1:40, TRUE, 1e6 * (40:1))
  tables <- run_fit(rows, changed(task, covariates = "popularity"))
  expect_true(tables$coefficients$infinite)
  wide <- run_fit(rows, changed(task, covariates = "popularity", standardise = FALSE))
  expect_true(wide$coefficients$infinite)
  expect_match(tables$fits$reason, "separation")
})

test_that("a handful of facts: no estimate, and not a failure", {
  known <- events[of(events, "degradation"), ]
  plan <- standard_plan(outcomes = "degradation", covariates = list(degradation = c("split", "logp0", "popularity")))
  models <- c("cox", "cloglog", "cox_firth", "cox_stratified")
  tasks <- Filter(function(task) task$fn %in% models, plan_fits(known, plan))
  set.seed(2)
  status <- unlist(lapply(1:25, function(i) {
    few <- known[sample(nrow(known), sample(2:8, 1)), ]
    few$stop <- if (i %% 3 == 0) 1 else sample(1:3, nrow(few), TRUE)
    few$event <- stats::runif(nrow(few)) < stats::runif(1)
    vapply(tasks, function(task) fit(few, task)$status, "")
  }))
  expect_true("not estimable" %in% status)
  expect_false("failed" %in% status)
  together <- transform(known[1:4, ], stop = 1, event = TRUE)
  row <- fit(together, Filter(function(task) task$fn == "cloglog", tasks)[[1L]])
  expect_equal(row$status, "not estimable")
  expect_match(row$reason, "in every period nobody or everybody at risk had the event")
})

test_that("few events for the coefficients", {
  rows <- events[of(events), ]
  rows$event[-(1:14)] <- FALSE
  expect_match(fit(rows, task)$reason, "[0-9]+ events for 4 coefficients: estimates are unstable")
})

test_that("a fit that does not converge says so", {
  testthat::local_mocked_bindings(fit_cox = function(data, covariates, ...) {
    survival::coxph(cox_formula(covariates), data, x = TRUE, control = survival::coxph.control(iter.max = 2))
  })
  row <- fit(events, task)
  expect_equal(row$status, "warning")
  expect_match(row$reason, "R warned: .*did not converge|the fit did not converge")
})

test_that("random effects: groupings of one level, twins of fixed effects", {
  skip_if_not_installed("coxme")
  mixed <- task_of(events, "coxme")
  one <- fit(transform(events, run = "only"), mixed)
  expect_match(one$reason, "no random effect of run: it has one level")
  twin <- run_fit(transform(events, group = relation), mixed)
  expect_match(twin$fits$reason, "relation is left out of the fixed part: it coincides with the random group")
  expect_equal(twin$coefficients$term, c("latent", "popularity"))
  expect_equal(fit(transform(events, run = "only", group = "only"), mixed)$status, "not estimable")
  nothing_else <- run_fit(transform(events, group = relation), changed(mixed, covariates = "relation"))
  expect_equal(nothing_else$fits$status, "warning")
  expect_equal(nrow(nothing_else$coefficients), 0L)
  expect_equal(nothing_else$variances$grouping, c("group", "run"))
  # A number of its own for every fact is not the fact's random intercept.
  facts <- run_fit(events, changed(mixed, random = "fact_id"))
  expect_true("popularity" %in% facts$coefficients$term)
  arms <- simulate_events(facts = 120L, runs = 1L, arms = 2L)
  arm <- run_fit(arms, task_of(arms, "coxme"))
  expect_match(arm$fits$reason, "no random effect of run: it coincides with arm")
  expect_true("arm" %in% arm$coefficients$term)
})

test_that("nothing is thrown, whatever comes", {
  expect_equal(run_fit(events, list(id = "x", fn = "system"))$fits$status, "failed")
  expect_match(run_fit(events, list())$fits$error, "no model function")
  expect_match(run_fit(NULL, task)$fits$reason, "no column")
  expect_equal(run_fit(events[0, ], task)$fits$status, "not estimable")
  expect_match(run_fit(events, changed(task, ties = "exact"))$fits$error, "odds ratio")
  odd <- transform(events, `per cent` = popularity, check.names = FALSE)
  tables <- run_fit(odd, changed(task, covariates = c("latent", "per cent")))
  expect_equal(tables$fits$status, "ok")
  expect_equal(tables$coefficients$term, c("latent", "per cent"))
  expect_equal(tables$zph_tests$term, c("latent", "per cent", "GLOBAL"))
})

test_that("options(contrasts) of the user changes nothing", {
  before <- run_fit(events, task)$coefficients
  withr_free <- options(contrasts = c("contr.sum", "contr.poly"))
  on.exit(options(withr_free))
  expect_equal(run_fit(events, task)$coefficients, before)
})

test_that("coefficients that run away together are all without a value, also one that has not come far yet", {
  # The one event is that of the most popular latent fact: a direction in which the likelihood grows for ever.
  data <- simulate_learning(120L, curve = 1 - exp(-0.004 * 1:12), log_hr = c(latent = log(2), popularity = 0.3),
                            seed = 154L)
  expect_equal(sum(data$event), 1L)
  rows <- suppressWarnings(cox_univariable(data, c("latent", "popularity")))$tables$coefficients
  expect_true(all(rows$infinite))
  expect_true(all(is.na(rows$se)))
  expect_equal(is_infinite(c(1, 6, 0.5), c(1e5, 1e6, 0.2), c(1, 1, 1)), c(TRUE, TRUE, FALSE))
  # A large error alone is not separation: covariates that can hardly be told apart have one too.
  expect_false(any(is_infinite(c(1, 0.5), c(200, 200), c(1, 1))))
})
