# The rule of doubt (R/doubt.R), in every kind of fit.

# Few events, and facts with large x never have one: the likelihood grows as the coefficient of x falls, until what
# little x differs among the others decides where it ends, somewhere beyond a hundred, with an error of that size.
rare_events <- function(facts = 60L, runs = 3L, seed = 4L, arms = 1L) {
  made <- simulate_events(facts = facts, runs = runs, arms = arms, seed = seed)
  made <- made[made$outcome == "acquisition", ]
  fact <- as.integer(made$fact_id)
  made$x <- ifelse(fact %% 2L == 0L, 1, -1) + (7L * fact) %% 11L / 1000
  made$y <- fact %% 17L
  made$event <- made$event & made$x < 0
  made$right[!made$event] <- NA
  made$left[!made$event] <- made$stop[!made$event]
  made
}
separated <- rare_events()
sound <- simulate_events(facts = 300L)
plan <- function(covariates, ...) {
  standard_plan(outcomes = "acquisition", covariates = list(acquisition = covariates),
                curves_by = list(acquisition = "latent"), ...)
}
fits_of <- function(events, plan, tables = list(events = events)) {
  do.call(rbind, lapply(plan_fits(events, plan), function(task) run_fit(tables[[task$table]], task)$fits))
}

test_that("every kind of fit of the plan that takes a separated number says that it is in doubt", {
  fits <- fits_of(separated, plan(c("latent", "x", "y"), rules = "first"))
  # interval and aft are not needed on this grid: by name they are below.
  for (model in c("cox", "cloglog", "coxme", "frailty-gamma", "frailty-fact", "influence")) {
    row <- fits[fits$model == model, ]
    expect_equal(as.character(row$status), "warning", info = model)
    expect_match(row$doubt, "separation: the hazard ratio of x has no finite estimate", info = model)
    expect_match(row$reason, "separation", info = model)
  }
  alone <- fits$doubt[fits$model == "cox-univariable"]
  expect_equal(grepl("separation", alone), c(FALSE, TRUE, FALSE)) # latent, x, y
  expect_equal(fits$doubt[fits$model == "cox-firth"], "") # finite, and more events than coefficients
  expect_equal(unique(fits$doubt[fits$model %in% c("km", "score", "rmst")]), "")
})

test_that("sensitivity and definitions of latent knowledge say it row by row", {
  tasks <- plan_fits(separated, plan(c("latent", "x", "y")))
  of <- function(model) Filter(function(task) task$model == model, tasks)[[1L]]
  expect_match(run_fit(separated, of("sensitivity"))$sensitivity$doubt, "separation")
  expect_match(run_fit(separated, of("latent-definitions"))$latent_definitions$doubt, "separation")
})

test_that("so do recipes, and models by name", {
  arms <- rare_events(arms = 2L)
  compared <- fits_of(arms, plan(c("latent", "x", "y")))
  expect_match(compared$doubt[compared$model == "arms"], "separation: the hazard ratio of x")
  entry <- function(kind, ...) list(name = kind, kind = kind, outcome = "acquisition", formula = "latent + x + y", ...)
  entries <- list(
    entry("cox"), utils::modifyList(entry("cox"), list(name = "exact", ties = "exact")),
    utils::modifyList(entry("cox"), list(name = "split", time_varying = "y", split = 4)),
    utils::modifyList(entry("cox"), list(name = "tt", time_varying = "y", tt = "log")),
    utils::modifyList(entry("cox"), list(name = "spline", formula = "latent + x + pspline(y, df = 3)")),
    entry("cloglog"), entry("interval"), entry("aft"), entry("frailty", random = "group", engine = "coxme"),
    utils::modifyList(entry("frailty", random = "group", engine = "fast"), list(name = "fast")),
    utils::modifyList(entry("frailty", random = "group", engine = "gamma"), list(name = "gamma")),
    utils::modifyList(entry("frailty", random = "group", engine = "gaussian"), list(name = "gaussian")),
    entry("andersen-gill", table = "events"), entry("pwp", table = "events")
  )
  for (task in model_tasks(complete_plan(plan("latent", models = entries)), list(events = names(separated)))) {
    fit <- run_fit(separated, task)$fits
    expect_match(fit$doubt, "separation: the hazard ratio of x", info = paste(task$name, fit$reason))
  }
})

test_that("so does each change of state, and each share of a cause", {
  stays <- simulate_states(facts = 250L)
  stays$event <- stays$to != "censored"
  stays$z <- as.numeric(stays$x < 0.3) + stats::runif(nrow(stays)) / 100
  stays$to[stays$from == "unknown" & stays$to == "known" & stays$z > 0.5] <- "latent"
  rows <- transition_models(stays, c("x", "z"))$tables$transition_coefficients
  step <- rows$from == "unknown" & rows$to == "known"
  expect_true(all(grepl("separation: the hazard ratio of z", rows$doubt[step])))
  others <- rows$from == "latent" & rows$to == "known"
  expect_equal(unique(rows$doubt[others]), "")
  first <- stays[stays$from == "unknown" & stays$start == 0, ]
  first[c("from", "to")] <- lapply(first[c("from", "to")], droplevels)
  shares <- competing_risks(first, c("x", "z"))$tables$transition_coefficients
  expect_true(all(grepl("separation", shares$doubt[shares$to == "known"])))
})

test_that("nothing is in doubt where there are events enough", {
  fits <- fits_of(sound, standard_plan(outcomes = "acquisition"))
  expect_equal(unique(fits$doubt), "")
})

test_that("the counts engine sees it as coxph() does", {
  many <- do.call(rbind, lapply(1:100, function(i) transform(separated, fact_id = paste(fact_id, i))))
  many$x <- round(many$x, 1)
  counted <- suppressWarnings(cox_univariable(many, c("latent", "x"), counts_from = 1L))
  expect_match(toString(counted$doubt), "separation: the hazard ratio of x")
})

test_that("a coefficient that ended anywhere is seen by its size alone, in any unit", {
  # The one that was missed: -182 per standard deviation, its error not even its size.
  expect_true(is_infinite(-182, 40, 4, 1))
  expect_true(all(is_infinite(c(-20, 20), c(3, 3), c(4, 1), c(1, 1))))
  expect_true(is_infinite(-0.182, 0.04, 4000, 1000)) # the same in thousandths
  expect_true(is_infinite(-11.4, 12.4, 1, 0.5)) # two heaps: nothing holds it
  # Effects that the data hold in place: 8 times per standard deviation over a long range; twice, hardly told from 1.
  expect_false(any(is_infinite(log(c(8, 2)), c(0.3, 0.4), c(12, 15), c(1, 1))))
  terms <- describe_terms(data.frame(a = c(1, 2, 4), b = factor(c("u", "v", "w"))), c("a", "b"))
  expect_equal(terms$spread, c(stats::sd(c(1, 2, 4)), 1, 1))
})

test_that("events, clusters, robust errors and flat directions, each by its own words", {
  terms <- describe_terms(data.frame(a = c(0, 1), b = c(0, 1)), c("a", "b"))
  sound <- data.frame(term = c("a", "b"), estimate = c(0.5, -0.2), se = c(0.2, 0.3), se_robust = c(0.2, 0.25),
                      infinite = FALSE)
  rows <- function(...) utils::modifyList(sound, list(...))
  data <- data.frame(event = rep(c(TRUE, FALSE), c(10, 30)), run = rep(c("r1", "r2"), 20), id = 1:40)
  expect_equal(doubts(data, terms, rows(), "id"), character())
  expect_match(doubts(data[2:40, ], terms, rows(), "id"), "^9 events for 2 coefficients")
  expect_equal(events_for(1L, 1L), "1 event for 1 coefficient")
  expect_match(doubts(data, terms, rows(), "run"), "^2 clusters \\(run\\) for 2 coefficients")
  expect_match(doubts(data, terms, rows(se_robust = c(0.2, 0.07)), "id"), "robust standard error of b is 0.23 of")
  flat <- doubts(data, terms, rows(se = c(0.2, 40), se_robust = c(NA, NA)))
  expect_equal(flat, "the data do not determine the hazard ratio of b")
  expect_match(doubts(data, terms, rows(estimate = c(NA, 1), se_robust = c(NA, NA))), "determine the hazard ratio of a")
})
