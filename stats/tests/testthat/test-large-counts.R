# Products and sums of counts beyond the integers (2,147,483,647), at sizes where they arise at little cost.

test_that("combinations of columns with more possible patterns than there are integers", {
  n <- 50000L # two columns of 50,000 values have 2.5e9 pairs
  a <- rep(seq_len(n), 2L)
  b <- c(seq_len(n), rev(seq_len(n)))
  data <- data.frame(a = factor(a), b = as.double(b), c = rep(c(TRUE, FALSE), n))
  expect_silent(found <- collapse_rows(rbind(data, data[1:10, ]), c("a", "b", "c")))
  expect_length(found$count, nrow(data))
  expect_equal(sort(tabulate(found$count)), sort(c(nrow(data) - 10L, 10L)))
  expect_equal(anyDuplicated(row_patterns(data, c("a", "b", "c"))), 0L)
})

test_that("crossed columns are those that interaction() makes, also where that would not fit into memory", {
  set.seed(1)
  small <- data.frame(a = factor(sample(letters[1:5], 40, TRUE)), b = factor(sample(3L, 40, TRUE)))
  expect_equal(crossed(small[c("a", "b")], "/"), interaction(small, drop = TRUE, sep = "/", lex.order = TRUE))
  n <- 50000L
  large <- data.frame(a = factor(seq_len(n)), b = factor(rev(seq_len(n))))
  expect_silent(made <- crossed(large[c("a", "b")], "/"))
  expect_equal(nlevels(made), n)
  expect_equal(as.character(made[c(1L, n)]), c("1/50000", "50000/1"))
})

test_that("more person-periods than there are integers are refused in words", {
  n <- 66000L # n (n + 1) / 2 person-periods
  data <- data.frame(start = 0, stop = as.double(seq_len(n)), event = TRUE, x = stats::rnorm(n))
  said <- tryCatch(person_periods(data, "x"), no_estimate = function(e) e)
  expect_equal(said$status, "not needed")
  expect_match(conditionMessage(said), "2178033000 person-period rows with 66000 event times are too many")
  data$start[[1L]] <- 0.5 # late entry: risk sets written out
  expect_error(fit_exact(data, "x", character()), "too many", class = "no_estimate")
})

test_that("robust errors of the grouped-time model where clusters times patterns leave the integers", {
  n <- 46500L # a cluster and a number for each: n^2 > 2^31
  set.seed(2)
  data <- data.frame(fact_id = factor(rep(seq_len(n), 2L)), start = 0, stop = sample(3, 2L * n, TRUE),
                     x = rep(stats::rnorm(n), 2L))
  data$event <- stats::runif(2L * n) < 0.3
  few <- data[data$fact_id %in% 1:40, ]
  fit <- suppressWarnings(cloglog(few, "x", cluster = "fact_id"))
  expect_silent(robust <- cloglog_robust(fit$object, in_numbers(data, "x", cluster = "fact_id")))
  expect_true(is.finite(robust[[".x1"]]))
})
