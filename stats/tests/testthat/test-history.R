# The event table split at every probe, as `history.arrow` is, with a margin that falls before a fact is lost.
split_history <- function(events) {
  history <- survival::survSplit(all_columns, events, cut = seq_len(11))
  history$event <- history$event == 1
  history$left <- ifelse(history$event, history$start, history$stop)
  history$right <- ifelse(history$event, history$stop, NA)
  soon <- history$event & seeded(5L, stats::runif(nrow(history)) < 0.7)
  history$margin_now <- seeded(6L, stats::rnorm(nrow(history))) - 2 * soon
  history
}

test_that("splitting a spell changes no fit that does not look at the columns of now", {
  events <- simulate_events(facts = 250L)
  history <- split_history(events)
  plan <- standard_plan(random = "group")
  for (model in c("cox", "cox-firth", "cloglog", "coxme", "cox-stratified", "score", "rmst")) {
    if (model == "coxme") skip_if_not_installed("coxme")
    task <- task_of(events, model, plan = plan)
    whole <- run_fit(events, task)
    parts <- run_fit(history, task)
    columns <- c("term", "estimate", "se", "se_robust", "difference", "statistic")
    name <- c(score = "tests", rmst = "rmst")[model]
    name <- if (is.na(name)) "coefficients" else name
    numbers <- intersect(columns, names(whole[[name]]))
    # coxme and Firth stop their search at a tolerance of their own; the others are the same sums.
    tolerance <- if (model %in% c("coxme", "cox-firth")) 1e-6 else 1e-9
    expect_equal(parts[[name]][numbers], whole[[name]][numbers], tolerance = tolerance, info = model)
    expect_equal(parts$fits[c("events", "facts", "loglik")], whole$fits[c("events", "facts", "loglik")],
                 tolerance = tolerance, info = model)
  }
})

test_that("the margin at the start of an interval is a predictor where there is a history", {
  events <- simulate_events(facts = 250L)
  expect_false("cox-history" %in% vapply(plan_fits(events, standard_plan()), `[[`, "", "model"))
  task <- task_of(events, "cox-history", "degradation", standard_plan(history = TRUE))
  expect_equal(task$table, "history")
  found <- run_fit(split_history(events), task)
  expect_equal(found$coefficients$term, c("margin_now", "split", "popularity"))
  expect_lt(found$coefficients$upper[[1]], 1) # a fact that is about to be lost has a smaller margin
  cox <- run_fit(events, task_of(events, "cox", "degradation"))
  expect_gt(found$fits$concordance, cox$fits$concordance)
  # On the event table the column does not exist, and the fit says so.
  expect_match(run_fit(events, task)$fits$reason, "no column 'margin_now'")
})

test_that("sparse or unshared: the automatic battery fits what it has left out before", {
  events <- unshared_events(300L)
  plan <- list(outcomes = "acquisition", covariates = list(acquisition = c("latent", "popularity")),
               curves_by = list(acquisition = "latent"))
  for (model in c("interval", "aft", "turnbull")) {
    tables <- run_fit(events, task_of(events, model, plan = plan))
    expect_equal(tables$fits$status, "ok", info = model)
    expect_match(tables$fits$messages, "not all facts were probed at the same times|AIC", info = model)
  }
  tasks <- Filter(function(task) task$model == "turnbull", plan_fits(events, plan))
  strata <- lapply(tasks, function(task) levels(factor(run_fit(events, task)$turnbull$stratum)))
  expect_equal(strata, list("all", c("no", "yes")))
  dense <- simulate_events(facts = 150L)
  for (model in c("interval", "aft", "turnbull")) {
    fits <- run_fit(dense, task_of(dense, model))$fits
    expect_equal(fits$status, "not needed")
    expect_match(fits$reason, "all facts were probed at the same 12 checkpoints")
  }
})

test_that("a named model that mentions a column of now reads the history; other kinds take it too", {
  events <- simulate_events(facts = 250L)
  history <- split_history(events)
  columns <- list(events = names(events), history = names(history))
  entry <- function(kind, formula, ...) {
    list(name = kind, kind = kind, outcome = "degradation", formula = formula, ...)
  }
  tasks <- plan_fits(events, standard_plan(models = list(
    entry("cox", "split + margin_now"), entry("cloglog", "split + margin_now"),
    entry("frailty", "split + margin_now", random = "group", engine = "gaussian"), entry("interval", "split"),
    entry("aft", "split")
  )))
  named <- Filter(function(task) task$fn == "model", tasks)
  expect_equal(vapply(named, `[[`, "", "table"), c("history", "history", "history", "events", "events"))
  found <- lapply(named[1:3], function(task) run_fit(history, task)$coefficients)
  estimates <- vapply(found, function(rows) rows$estimate[rows$term == "margin_now"], 0)
  # The same effect: Efron's and the grouped-time likelihood differ by less than a standard error, groups barely matter.
  expect_lt(max(estimates) - min(estimates), found[[1]]$se[[2]])
  expect_true(all(estimates < 0))
  # A table whose rows are split already, and that has the column itself, is read as it is.
  own <- plan_fits(history, standard_plan(models = list(entry("cox", "split + margin_now"))))
  expect_equal(own[[length(own)]]$table, "events")
  problem <- model_problems(list(entry("cox", "split + margin_then")), columns, standard_plan(cluster = "fact_id"))
  expect_match(problem[[1]]$what, "no column 'margin_then' in the table events")
  for (task in named[4:5]) {
    fits <- run_fit(events, task)
    expect_true(fits$fits$status %in% c("ok", "warning"), info = task$model) # asked for: fitted on a dense grid too
  }
  expect_equal(nrow(fits$aft), 3L)
  bad <- list(entry("aft", "split", distributions = "gompertz"))
  expect_match(model_problems(bad, columns, standard_plan(cluster = "fact_id"))[[1]]$what, "no distribution 'gompertz'")
})
