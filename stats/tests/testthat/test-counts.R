# The engine on counts against coxph() on all rows. Both are exact: 1e-9 relative is what rounding and the stopping
# rule of coxph (tightened here) leave.
tied_rows <- function(facts = 300L, runs = 6L, seed = 3L) {
  data <- simulate_events(facts, runs, seed = seed)
  data <- data[data$outcome == "acquisition", ]
  data$score <- round(data$popularity / 10) / 3
  data$latent <- factor(data$latent)
  # Late entry for some.
  data$start <- ifelse(data$stop > 3, sample(0:2, nrow(data), TRUE), 0)
  data
}

exact <- survival::coxph.control(eps = 1e-11, iter.max = 50L)

cases <- list(
  efron = list(covariates = c("latent", "relation", "score")),
  breslow = list(covariates = c("latent", "relation", "score"), ties = "breslow"),
  strata = list(covariates = c("latent", "score"), strata = c("relation", "run")),
  cluster = list(covariates = c("latent", "relation", "score"), cluster = "fact_id"),
  both = list(covariates = c("latent", "score"), strata = "relation", cluster = "group", ties = "breslow")
)

for (name in names(cases)) {
  test_that(paste("counts equal coxph on all rows:", name), {
    data <- tied_rows()
    case <- utils::modifyList(list(strata = character(), cluster = "", ties = "efron"), cases[[name]])
    counted <- do.call(fit_cox_counts, c(list(data), case, share = 1))
    whole <- do.call(fit_cox, c(list(data), case, list(control = exact)))
    expect_lt(length(counted$fit$counts$count), nrow(data))
    for (field in c("coefficients", "var", "naive.var", "loglik")) {
      expect_equal(counted[[field]], whole[[field]], tolerance = 1e-9, ignore_attr = TRUE)
    }
    expect_equal(counted$concordance, whole$concordance[c("concordance", "std")], tolerance = 1e-9)
    if (!nzchar(case$cluster)) {
      score <- survival::coxph(cox_formula(case$covariates, case$strata), data, ties = case$ties, iter.max = 0)
      start <- likelihood_of_counts(counted$fit$counts, 0 * counted$coefficients, case$ties)
      information <- information_of_counts(counted$fit$counts, start)
      expect_equal(sum(start$score * solve(information, start$score)), score$score, tolerance = 1e-9)
      residuals <- score_residuals(counted$fit)[counted$fit$counts$pattern, ]
      expect_equal(residuals, stats::residuals(whole, "score"), tolerance = 1e-8, ignore_attr = TRUE)
    }
  })

  test_that(paste("Schoenfeld analysis on counts equals cox.zph:", name), {
    case <- utils::modifyList(list(strata = character(), ties = "efron"), cases[[name]])
    case$cluster <- NULL
    data <- tied_rows()
    counted <- do.call(fit_cox_counts, c(list(data), case, share = 1))
    whole <- do.call(fit_cox, c(list(data), case, list(control = exact)))
    terms <- describe_terms(data, case$covariates)
    for (transform in c("identity", "km")) {
      ours <- zph_tables(counted, terms, transform = transform)
      theirs <- zph_tables(whole, terms, transform = transform)
      expect_equal(ours$zph_tests, theirs$zph_tests, tolerance = 1e-8)
      expect_equal(ours$zph_curves, theirs$zph_curves, tolerance = 1e-7)
      rounded <- function(points) lapply(points, function(x) if (is.numeric(x)) signif(x, 6) else x)
      sorted <- function(points) points[do.call(order, rounded(points)), ]
      expect_equal(sorted(ours$zph_points), sorted(theirs$zph_points), tolerance = 1e-7, ignore_attr = TRUE)
    }
  })
}

test_that("a task gives the same tables both ways, and its engine says which", {
  events <- simulate_events(700L, 8L)
  events$popularity <- round(events$popularity / 10)
  plan <- standard_plan()
  for (model in c("cox-univariable", "cox")) {
    task <- task_of(events, model, plan = plan)
    tables <- lapply(c(0, Inf), function(from) {
      task$args$counts_from <- from
      run_fit(events, task)
    })
    expect_equal(vapply(tables, function(t) t$fits$engine, ""), c("counts", engine("survival")))
    expect_match(tables[[1]]$fits$messages, "rows collapsed to")
    tables <- lapply(tables, function(t) if (is.null(t$zph_points)) t else strip_time(t))
    for (i in 1:2) tables[[i]]$fits[c("seconds", "iterations")] <- NULL
    tables[[1]]$fits[c("engine", "messages")] <- tables[[2]]$fits[c("engine", "messages")]
    for (name in setdiff(names(tables[[1]]), "zph_points")) {
      # coxph() stops at 1e-9 relative of the log likelihood, which leaves 1e-7 in p values far out.
      expect_equal(tables[[1]][[name]], tables[[2]][[name]], tolerance = 1e-7, info = name)
    }
    estimates <- lapply(tables, function(t) t$coefficients[c("estimate", "se", "se_robust", "hr")])
    expect_equal(estimates[[1]], estimates[[2]], tolerance = 1e-9)
  }
})

test_that("tied deaths summed by gamma functions are the sums one by one", {
  d <- c(1, 2, 30, 1500, 40000)
  r0 <- c(10, 10, 300, 2000, 1e6)
  d0 <- c(3, 2.5, 280, 2000, 3e4)
  slow <- tie_sums(d, r0, d0, "efron", one_by_one = Inf)
  fast <- tie_sums(d, r0, d0, "efron", one_by_one = 0)
  for (name in names(slow)) {
    expect_equal(fast[[name]], slow[[name]], tolerance = 1e-9, info = name)
  }
})

test_that("rows that do not collapse, and estimates that are infinite, are left to coxph()", {
  data <- tied_rows()
  expect_null(fit_cox_counts(data, c("latent", "popularity")))
  data$sure <- factor(data$event)
  expect_null(fit_cox_counts(data, c("latent", "sure"), share = 1))
  result <- cox_univariable(data, "popularity", counts_from = 0)
  expect_equal(result$fit$engine, engine("survival"))
})

test_that("patterns are those of unique(), for every kind of column", {
  set.seed(5)
  data <- data.frame(a = factor(sample(letters, 4000L, TRUE)), b = stats::runif(4000L) < 0.5,
                     c = sample(7L, 4000L, TRUE), d = sample(stats::rnorm(5L), 4000L, TRUE), e = 1,
                     f = sample(c("x", "y"), 4000L, TRUE), g = sample(-3:3, 4000L, TRUE),
                     h = sample(c(-1.9e9, 0, 1.9e9), 4000L, TRUE), i = 1e6 + sample(9L, 4000L, TRUE))
  for (columns in list(names(data), c("a", "d"), "e", "g", c("b", "g"), c("i", "g", "h"),
                       c("a", "b", "c", "d", "a", "c", "d", "b", "a"))) {
    collapsed <- collapse_rows(data, columns)
    texts <- do.call(paste, data[columns])
    expect_equal(length(collapsed$row), length(unique(texts)))
    expect_equal(texts[collapsed$row][collapsed$pattern], texts)
    expect_equal(collapsed$count, as.vector(table(factor(texts, texts[collapsed$row]))))
  }
  first <- anyDuplicated(data[c("a", "g")])
  expect_equal(do.call(paste, data[repeated_row(data, c("a", "g")), c("a", "g")]),
               do.call(paste, data[first, c("a", "g")]))
  expect_equal(repeated_row(data[seq_len(first - 1L), ], c("a", "g")), 0L)
  expect_null(collapse_rows(data, names(data), most = 100))
  expect_length(collapse_rows(data.frame(x = stats::runif(50L)), "x")$row, 50L)
})
