# No quantity that is reported may depend on where a covariate has its zero, on its unit (beyond what "per unit" says),
# on what columns and levels are called, or on the order of rows, of columns and of covariates. Every task that
# plan_fits() makes and every kind of model_kinds() is fitted four times over, and all its tables are compared.
simulated <- simulate_events(facts = 60L, runs = 2L, arms = 2L, epochs = 6L, seed = 5L)
events <- seeded(8, {
  simulated$age <- stats::rnorm(60, 40, 10)[as.integer(simulated$fact_id)]
  # Many of one kind have the event late: its hazard ratio changes, so that the remedies are fitted.
  simulated$kind <- factor(ifelse(
    stats::runif(nrow(simulated)) < ifelse(!simulated$event, 0.5, ifelse(simulated$stop > 2, 0.9, 0.1)), "b", "a"
  ))
  simulated
})
events <- events[events$outcome == "acquisition", ]
history <- survival::survSplit(all_columns, events, cut = 1:5)
history$event <- history$event == 1
history$margin_now <- seeded(9, stats::rnorm(nrow(history), 3, 2))
transitions <- simulate_states(60L, epochs = 6L, seed = 2L, runs = 2L)
transitions <- data.frame(transitions, age = transitions$x, kind = transitions$split, cause = transitions$to)
tables <- list(events = events, history = history, transitions = transitions)

states <- list("multi-state" = "states", "competing-risks" = "first-step", "andersen-gill" = "forgetting",
               pwp = "forgetting")
# One entry a kind, and more where a kind has several ways.
entries <- function(names) {
  of <- function(column) quoted(names[[column]])
  main <- paste(c("latent", of("popularity"), of("relation"), of("kind"), of("age")), collapse = " + ")
  entry <- function(name, kind, formula = main, ...) {
    list(name = name, kind = kind, outcome = "acquisition", formula = formula, ...)
  }
  products <- sprintf("latent + %s * %s + ns(%s, df = 3) + %s", of("relation"), of("kind"), of("popularity"), of("age"))
  random <- function(engine, formula = main) {
    entry(paste("frailty", engine), "frailty", paste0(formula, " + (1 | ", of("group"), ")"), engine = engine)
  }
  plain <- lapply(setdiff(names(model_kinds()), c("frailty", names(states))), function(kind) entry(kind, kind))
  of_states <- lapply(base::names(states), function(kind) {
    list(name = kind, kind = kind, outcome = states[[kind]], table = "transitions",
         formula = paste(of("age"), "+", of("kind")))
  })
  c(plain, of_states, lapply(c("coxme", "fast", "gamma", "gaussian"), random), list(
    entry("products", "cox", products, standardise = TRUE),
    entry("strata", "cox", paste("latent +", of("age"), "+ strata(", of("relation"), ",", of("kind"), ")")),
    entry("exact", "cox", paste("latent +", of("age")), ties = "exact"),
    entry("pspline", "cox", paste0("latent + ", of("age"), " + pspline(", of("popularity"), ", df = 3)")),
    entry("split", "cox", time_varying = c(names[["age"]], names[["relation"]]), split = 3),
    entry("smooth", "cox", time_varying = names[["popularity"]], tt = "log"),
    entry("nested", "frailty", sprintf("latent + %s + (1 | %s/%s)", of("age"), of("kind"), of("group")),
          engine = "coxme")
  ))
}

own_names <- c("popularity", "age", "relation", "kind", "group")
plan_of <- function(tables, names = stats::setNames(as.list(own_names), own_names), order = 1:4) {
  plan_fits(tables$events, list(
    outcomes = "acquisition", covariates = list(acquisition = c("latent", unlist(names[own_names[1:4][order]]))),
    curves_by = list(acquisition = names[["relation"]]), random = names[["group"]],
    history = TRUE, states = list(covariates = unlist(names[c("age", "kind")]), by = names[["kind"]]),
    models = entries(names)
  ))
}
fitted <- function(tables, plan) {
  stats::setNames(lapply(plan, function(task) run_fit(tables[[task$table]], task)), seq_along(plan))
}
renamed <- function(tables, names, levels) {
  lapply(tables, function(table) {
    for (column in intersect(names(levels), names(table))) {
      now <- base::levels(table[[column]])
      base::levels(table[[column]]) <- utils::head(levels[[column]], length(now))
    }
    at <- match(names(table), names(names))
    names(table)[!is.na(at)] <- unlist(names)[at[!is.na(at)]]
    table
  })
}
before <- fitted(tables, plan_of(tables))

# What a table says, without the words (names, and units that follow the spread).
numbers_of <- function(table) {
  table <- table[vapply(table, function(column) is.numeric(column) || is.logical(column), TRUE)]
  data.frame(table[setdiff(names(table), c("seconds", "iterations"))], row.names = NULL)
}
# Searches for a variance end within their own tolerance (1e-4 of its logarithm, and profiles 1e-2 of theirs), and all
# that is given a variance with them. A closed maximum ends within 1e-9 of its likelihood, which is quadratic there.
tolerance_of <- function(id, name) {
  if (name == "variances") return(0.03)
  if (grepl("coxme|frailty|arms|nested", id)) 2e-3 else 1e-5
}
same <- function(task, before, after, name, change) {
  expect_equal(numbers_of(after), numbers_of(before), tolerance = tolerance_of(task$id, name), ignore_attr = TRUE,
               info = paste(change, task$id, name, sep = " | "))
}
ids <- function(plan) vapply(plan, `[[`, "", "id")
# `adjust` makes two functions of the rows, for what was before and what is after; `place` is that of each fit before.
compare <- function(plan, after, change, adjust = function(name, task) list(before = identity, after = identity),
                    place = seq_along(plan)) {
  for (i in seq_along(plan)) {
    was <- before[[place[[i]]]]
    now <- after[[i]]
    expect_equal(as.character(now$fits$status), as.character(was$fits$status),
                 info = paste(change, plan[[i]]$id, now$fits$reason))
    expect_setequal(names(now), names(was))
    for (name in intersect(names(was), names(now))) {
      own <- adjust(name, plan[[i]])
      same(plan[[i]], own$before(was[[name]]), own$after(now[[name]]), name, change)
    }
  }
}

test_that("the walk meets every kind of fit, and nothing that it can fit fails", {
  plan <- plan_of(tables)
  expect_setequal(vapply(Filter(function(task) task$fn == "model", plan), `[[`, "", "model"), names(model_kinds()))
  status <- vapply(before, function(fit) as.character(fit$fits$status), "")
  expect_false("failed" %in% status, info = toString(vapply(plan, `[[`, "", "id")[status == "failed"]))
})

test_that("names of columns and levels mean nothing", {
  levels <- list(relation = c("1", "2", "12"), kind = c("0", "2"),
                 group = c("", " ", "a:b", "a/b", "a|b", "a=b", "a", "TRUE", "if", "\u00fc", "`", "(x)"))
  colliding <- list(popularity = "site12", age = "a:b", relation = "site", kind = "site1", group = "Stra\u00dfe 1.x")
  called <- renamed(tables, colliding, levels)
  plan <- plan_of(called, colliding)
  compare(plan, fitted(called, plan), "colliding")
})

# popularity is 2e6 more, age 1e6 times as large, the margin 1e-6 of it: what is per unit of age is that much less.
# Of the margin a ratio per unit is beyond all numbers, and its logarithm is compared. What is said at a value is said
# at the value where it lies now; a logarithm (a shape of `form`) is of another zero, and another model.
in_units_of_before <- function(rows, name, task) {
  own <- function(column) grepl(paste0("^", column, "( in | \\*|$)"), as.character(rows$term))
  scale <- ifelse(own("age"), 1e6, ifelse(own("margin_now"), 1e-6, 1))
  if (isTRUE(task$args$standardise) || startsWith(name, "form_")) scale[] <- 1
  linear <- c("estimate", "se", "se_robust", "residual", "fit")
  ratios <- c("hr", "hr_without", "time_ratio", "hr_lower", "hr_upper", "marginal_hr", "marginal_lower",
              "marginal_upper", "lower", "upper")
  if (name == "zph_curves") linear <- c(linear, "lower", "upper")
  if (is.null(rows$term) || name %in% c("form_curves", "form_shapes", "effect_curves")) linear <- ratios <- character()
  for (column in intersect(linear, names(rows))) rows[[column]] <- rows[[column]] * scale
  for (column in setdiff(intersect(ratios, names(rows)), linear)) {
    rows[[column]] <- ifelse(own("margin_now"), NA, rows[[column]]^scale)
  }
  places <- c("form_points.value", "form_curves.value", "form_shapes.from", "form_shapes.to", "effect_curves.at")
  axis <- as.character(if (name == "effect_curves") rows$axis else rows$term)
  for (column in names(rows)[paste(name, names(rows), sep = ".") %in% places]) {
    rows[[column]] <- ifelse(axis == "age", rows[[column]] / 1e6, rows[[column]] - 2e6 * (axis == "popularity"))
  }
  rows
}

test_that("neither the zero of a number nor its unit changes anything but what is per unit", {
  moved <- lapply(tables, function(table) {
    if ("popularity" %in% names(table)) table$popularity <- table$popularity + 2e6
    if ("margin_now" %in% names(table)) table$margin_now <- 1e-6 * table$margin_now
    table$age <- 1e6 * table$age
    table
  })
  plan <- plan_of(moved)
  compare(plan, fitted(moved, plan), "units", function(name, task) {
    without_unit <- function(rows) {
      if (!is.null(rows$shape)) rows <- rows[!(rows$shape == "log" & rows$term == "popularity"), ]
      if (!is.null(rows$term) && !is.null(rows$hr)) {
        rows[as.character(rows$term) == "margin_now", c("hr", "lower", "upper")] <- NA
      }
      rows
    }
    list(before = without_unit, after = function(rows) without_unit(in_units_of_before(rows, name, task)))
  })
})

test_that("the order of rows, of columns and of covariates means nothing", {
  shuffled <- seeded(4, lapply(tables, function(table) table[sample(nrow(table)), rev(names(table))]))
  plan <- plan_of(shuffled, order = c(3, 1, 4, 2))
  # A fit of one covariate stands elsewhere in the plan, not in another way; ranks of equals are free.
  place <- match(ids(plan), ids(plan_of(tables)))
  expect_false(anyNA(place))
  sorted <- function(rows) {
    text <- rows[vapply(rows, function(column) is.character(column) || is.factor(column), TRUE)]
    places <- intersect(c("time", "at", "value", "left", "period", "residual"), names(rows))
    keys <- c(lapply(text[setdiff(names(text), c("title", "formula"))], as.character), rows[places])
    rows[do.call(order, c(unname(keys), method = "radix")), setdiff(names(rows), "rank"), drop = FALSE]
  }
  compare(plan, fitted(shuffled, plan), "order", function(name, task) list(before = sorted, after = sorted), place)
})
