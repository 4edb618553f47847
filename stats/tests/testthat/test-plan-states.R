# The table `transitions` in a plan: which rows each outcome takes, which tasks there are, what comes back.
transitions <- local({
  rows <- simulate_states(facts = 120L, runs = 2L)
  rows$seed <- as.integer(factor(rows$run))
  rows
})
state_plan <- function(...) {
  standard_plan(outcomes = "acquisition", states = list(covariates = list("x", "split"), by = list("split")), ...)
}
events <- simulate_events(facts = 60L)
of_states <- function(tasks) Filter(function(task) task$table == "transitions", tasks)

test_that("a model that is called as a standard one has an id of its own", {
  named <- list(name = "gap", outcome = "forgetting", kind = "pwp", formula = "popularity", table = "transitions")
  tasks <- plan_fits(simulate_events(), standard_plan(states = list(covariates = "popularity"), models = list(named)))
  ids <- vapply(tasks, `[[`, "", "id")
  expect_equal(anyDuplicated(ids), 0L)
  expect_equal(ids[[length(ids)]], "forgetting/first/pwp/gap-1")
})

test_that("the formula is as written, and says which clock", {
  of <- function(...) {
    model <- utils::modifyList(list(name = "m", outcome = "forgetting", formula = "ns(x, df = 2)",
                                    table = "transitions"), list(...))
    tasks <- plan_fits(events, standard_plan(models = list(model)))
    run_fit(transitions, tasks[[length(tasks)]])$fits$formula
  }
  expect_match(of(kind = "pwp", clock = "gap"), "Surv(gap_start, gap_stop, event) ~ ns(x, df = 2) + ", fixed = TRUE)
  expect_match(of(kind = "andersen-gill"), "Surv(start, stop, event) ~ ns(x, df = 2) + ", fixed = TRUE)
})

test_that("groups of a number are those of its own units, each fact counted once", {
  x <- rep(10 * seq_len(30), each = 3)
  stays <- data.frame(run = "r", fact_id = sprintf("f%02d", rep(seq_len(30), each = 3)), x = x)
  stays <- stays[rep(seq_len(90), ifelse(x > 200, 4, 1)), ]
  thirds <- grouped_by(stays, "x")$value
  expect_equal(as.vector(tapply(stays$x, thirds, function(own) length(unique(own)))), c(10, 10, 10))
  terms <- describe_terms(stays, "x", c(x = 5), c(x = 100))
  expect_equal(in_units(transform(stays, x = (x - 100) / 5), "x", terms)$x, stays$x)
  made <- formula_design(parse_formula("x"), stays, standardise = TRUE)
  expect_equal(in_units(made$data, "x", made$terms)$x, stays$x)
})

test_that("each outcome takes its rows", {
  hand <- stays_of(list(a = list("unknown", 0, "known", 1, "forgotten", 3, "reacquired", 4, "censored", 6),
                        b = list("latent", 0, "unknown", 2, "known", 5, "censored", 6),
                        c = list("unknown", 0, "censored", 6)))
  hand[c("rule", "enum", "gap")] <- list("first", c(1, 1, 2, 2, 1, 1, 1, 1), hand$stop - hand$start)
  told <- function(outcome) {
    rows <- stays_at_risk(hand, outcome)
    paste(rows$fact_id, rows$start, rows$event)
  }
  expect_equal(told("forgetting"), c("a 1 TRUE", "a 4 FALSE", "b 5 FALSE"))
  expect_equal(told("first-step"), c("a 0 TRUE", "c 0 FALSE")) # b was latent at the start: its stay at 2 is no first
  expect_equal(sum(stays_at_risk(hand, "states")$event), 5)
  expect_equal(levels(stays_at_risk(hand, "first-step")$to), c("censored", "known"))
  expect_error(stays_at_risk(hand, "acquisition"), "there are states, first-step and forgetting")
  expect_identical(stays_at_risk(events, "acquisition"), events)
})

test_that("the states are five tasks, and none where the plan has no states", {
  tasks <- of_states(plan_fits(events, state_plan()))
  expect_equal(vapply(tasks, `[[`, "", "id"), c(
    "states/first/multi-state", "first-step/first/competing-risks", "forgetting/first/andersen-gill",
    "forgetting/first/pwp/total", "forgetting/first/pwp/gap"
  ))
  expect_equal(length(of_states(plan_fits(events, standard_plan()))), 0L)
  arms <- of_states(plan_fits(simulate_events(facts = 40L, arms = 2L), state_plan()))
  expect_equal(arms[[1]]$args$by, c("arm", "split"))
  expect_equal(arms[[1]]$args$covariates, c("x", "split", "arm"))
})

test_that("every task gives its tables by the contract, also through JSON", {
  tasks <- jsonlite::fromJSON(jsonlite::toJSON(of_states(plan_fits(events, state_plan())), auto_unbox = TRUE),
                              simplifyDataFrame = FALSE)
  results <- lapply(tasks, function(task) run_fit(transitions, task))
  fits <- do.call(rbind, lapply(results, `[[`, "fits"))
  expect_equal(fits$status, rep("ok", 5))
  expect_equal(unique(fits$rows[3:5]), sum(transitions$from %in% c("known", "reacquired")))
  expect_equal(unique(fits$events[3:5]), sum(transitions$to == "forgotten"))
  columns <- contract_columns()
  for (result in results) for (name in names(result)) {
    expect_equal(vapply(result[[name]], typeof, ""), columns[[name]], info = name)
  }
  expect_setequal(unique(results[[1]]$occupation$stratum), c("trained", "withheld"))
})

of <- function(name, ...) list(name = name, table = "transitions", ...)

test_that("one's own models read the states, and a frailty model of repeated forgetting is one of them", {
  plan <- state_plan(models = list(
    of("again", kind = "pwp", outcome = "forgetting", formula = "x + split", clock = "gap"),
    of("runs", kind = "frailty", outcome = "forgetting", formula = "x", random = "run", engine = "gaussian"),
    of("all", kind = "multi-state", outcome = "states", formula = "x + split", by = "split"),
    of("first", kind = "competing-risks", outcome = "first-step", formula = "x + split")
  ))
  tasks <- of_states(plan_fits(events, plan))
  results <- lapply(tasks, function(task) run_fit(transitions, task))
  names(results) <- vapply(tasks, `[[`, "", "name")
  expect_false(any(vapply(results, function(result) result$fits$status, "") == "failed"))
  same <- function(mine, standard, table) {
    value <- function(rows) rows[order(rows$term), "estimate"]
    expect_equal(value(mine[[table]]), value(standard[[table]]), tolerance = 1e-8)
  }
  same(results$again, results[[5]], "coefficients")
  expect_equal(results$all$occupation$probability, results[[1]]$occupation$probability)
  expect_equal(sort(results$all$transition_coefficients$estimate), sort(results[[1]]$transition_coefficients$estimate),
               tolerance = 1e-8)
  expect_error(plan_fits(events, state_plan(models = list(
    of("no", kind = "multi-state", outcome = "acquisition", formula = "x")
  ))), "about all states of knowledge")
  expect_error(plan_fits(events, state_plan(models = list(
    of("no", kind = "competing-risks", outcome = "acquisition", formula = "latent")
  ))), "name the column that says which")
})

test_that("competing events of a table of one's own: a column says which", {
  data <- mgus
  data$cause <- as.character(ifelse(data$event, as.character(data$to), NA))
  named <- competing_risks(data[setdiff(names(data), c("from", "to"))], "sex", cause = "cause")
  rows <- named$tables$transition_coefficients
  expect_equal(round(rows$estimate[rows$to == "pcm" & rows$method == "subdistribution"], 4), -0.2290)
  data$cause[data$event][1:3] <- NA
  expect_error(competing_risks(data, "sex", cause = "cause"), "no cause is given for 3 events")
})

test_that("facts that never move still have their states, and one that moves has no model", {
  still <- simulate_states(facts = 30L)
  still <- still[!duplicated(still$fact_id), ]
  still$to[] <- "censored"
  still$stop <- 12
  task <- of_states(plan_fits(events, state_plan()))[[1]]
  expect_match(run_fit(still, task)$fits$reason, "no event among 30 facts")
  still$to[[1]] <- c(unknown = "latent", latent = "known", known = "forgotten")[[as.character(still$from[[1]])]]
  result <- run_fit(still, task)
  expect_equal(result$fits$status, "warning")
  expect_equal(result$transition_coefficients$status, "not estimable")
  expect_gt(nrow(result$occupation), 0)
})

test_that("a table of one's own has its outcomes, and states that do not follow each other give the reason", {
  own <- data.frame(run = "r", arm = "a", fact_id = rep(1:40, each = 2), outcome = "change", rule = "as given",
                    start = c(0, 5), stop = c(rbind(5, 9 + 1:40 / 40)), event = TRUE, from = factor(c("up", "down")),
                    to = factor(rep(c("down", "up"), 40), c("censored", "up", "down")), enum = 1:2, gap = 4,
                    x = rep(seq_len(40) %% 7, each = 2))
  plan <- list(outcomes = "change", rules = "as given", covariates = list(change = "x"), cluster = "fact_id",
               states = list(kinds = list(change = "multi-state")))
  task <- of_states(plan_fits(own, plan))
  expect_equal(vapply(task, `[[`, "", "id"), "change/as given/multi-state")
  result <- run_fit(own, task[[1]])
  expect_equal(result$fits$events, 80L)
  expect_setequal(result$transition_counts$from, c("up", "down"))
  broken <- transform(own, from = replace(from, 2, "up"))
  fits <- run_fit(broken, task[[1]])$fits
  expect_equal(fits$status, "failed")
  expect_match(fits$reason, "a row begins in another state than the one before it ended in")
})
