# What a fit is found to reach decides whether it is fitted again: too little would keep a stale result.
r_files <- function() {
  folder <- testthat::test_path("..", "..", "R")
  paths <- sort(list.files(folder, "[.]R$", full.names = TRUE), method = "radix")
  stats::setNames(vapply(paths, function(path) paste(readLines(path, encoding = "UTF-8"), collapse = "\n"), ""), paths)
}

test_that("whatever a fit of any kind calls has been found", {
  skip_if_not(dir.exists(testthat::test_path("..", "..", "R")), "sources are not installed")
  sources <- r_files()
  events <- simulate_events(facts = 80L, arms = 2L)
  stays <- simulate_states(facts = 60L, runs = 2L)
  kinds <- setdiff(names(model_kinds()), c("multi-state", "competing-risks", "andersen-gill", "pwp"))
  models <- lapply(kinds, function(kind) list(name = kind, kind = kind, outcome = "acquisition", formula = "latent"))
  models[[1L]]$formula <- "latent + pspline(popularity) + ns(logp0, df = 2)"
  models[[length(models) + 1L]] <- list(name = "drift", outcome = "acquisition", formula = "latent", tt = "log",
                                        time_varying = "latent")
  frailty <- vapply(models, function(model) identical(model$kind, "frailty"), TRUE)
  models[frailty] <- lapply(models[frailty], utils::modifyList, list(random = "run"))
  plan <- standard_plan(outcomes = "acquisition", models = models, states = list(covariates = "x", by = "split"))
  tasks <- plan_fits(events, plan)
  # One fit of each function and kind is enough.
  way <- vapply(tasks, function(task) paste(task$fn, if (task$fn == "model") task$name), "")
  tasks <- tasks[!duplicated(way)]
  found <- code_reached(sources, tasks)
  own <- new.env(parent = globalenv())
  for (path in names(sources)) sys.source(path, own)
  heard <- new.env()
  for (name in ls(own)) {
    fun <- own[[name]]
    if (!is.function(fun)) next
    body(fun) <- call("{", call("assign", name, TRUE, envir = heard), body(fun))
    own[[name]] <- fun
  }
  for (task in tasks) {
    rm(list = ls(heard), envir = heard)
    own$run_fit(list(events = events, transitions = stays)[[task$table]], task)
    reached <- sub("[$].*", "", found$reached$name[found$reached$task == task$id])
    expect_equal(setdiff(ls(heard), reached), character(), info = task$id)
    expect_gt(length(ls(heard)), 10)
  }
  # And not everything is found for everyone.
  expect_lt(max(table(found$reached$task)), 0.6 * length(ls(own)))
})

test_that("names, texts that are called, methods, constants and what stands beside definitions count; columns do not", {
  sources <- c(
    "a.R" = "run_fit <- function(task) fitters()[[task]]()\nfitters <- function() list(one = one, two = two)",
    "b.R" = "one <- function(x, at = edge) deeper(x$two)\nedge <- 3\ndeeper <- function(x) lapply(x, 'shown')
             shown <- function(x) print(x) # a comment\nprint.thing <- function(x, ...) survival::coxph(x[, 1])",
    "c.R" = "two <- function() NULL\nshown <- function(x) 2\noptions(digits = 7)\nnobody <- function() one()"
  )
  tasks <- lapply(c("one", "two"), function(fn) list(id = fn, fn = fn, model = fn))
  found <- code_reached(sources, tasks)
  of <- function(task) sort(found$reached$name[found$reached$task == task])
  expect_equal(of("one"), sort(c("run_fit", "fitters$one", "one", "edge", "deeper", "shown",
                                 "print.thing", "always")))
  expect_equal(of("two"), sort(c("run_fit", "fitters$two", "two", "always")))
  expect_true(all(c("survival", "splines", "R") %in% found$packages$package[found$packages$task == "one"]))
  expect_false("survival" %in% found$packages$package[found$packages$task == "two"])
  text <- function(sources) {
    code <- code_reached(sources, tasks)$code
    stats::setNames(code$text, code$name)
  }
  before <- text(sources)
  changed <- function(old, new, file = "b.R") {
    other <- sources
    other[[file]] <- sub(old, new, other[[file]], fixed = TRUE)
    expect_false(identical(other, sources))
    after <- text(other)
    names(before)[before != after[names(before)]]
  }
  expect_equal(changed("# a comment", "# another"), character())
  expect_equal(changed("edge <- 3", "edge <- 3.0000000000000004"), "edge")
  expect_equal(changed("edge <- 3", "edge <- 3L"), "edge")
  expect_equal(changed("function(x) 2", "function(x) 4", "c.R"), "shown") # the second of two definitions
  expect_equal(changed("digits = 7", "digits = 8", "c.R"), "always")
  expect_equal(changed("list(one = one, two", "list(one = one, three = one, two", "a.R"), character())
  expect_equal(changed("fitters <- function() list(", "fitters <- function(x = 1) list(", "a.R"),
               c("fitters$one", "fitters$two"))
})
