# One fact (two in the second group) is followed from 0 and has its event; the others enter at 5, most of them at once.
late <- local({
  set.seed(3L)
  n <- 60L
  time <- 5 + ceiling(stats::rexp(n, 0.2))
  stop <- c(2, 4, pmin(time, 20))
  data.frame(fact_id = sprintf("f%02d", seq_len(n + 2L)), run = "r", start = c(0, 0, rep(5, n)), stop = stop,
             event = c(TRUE, TRUE, time <= 20), left = pmax(stop - 1, c(0, 0, rep(5, n))), right = stop,
             group = c("a", "b", rep(c("a", "b"), n / 2L)), rule = "first", outcome = "loss")
})
common <- late[-(1:2), ]
plain <- function(data, by = "group") {
  formula <- as.formula(paste("Surv(start, stop, event) ~", by), env = asNamespace("survival"))
  survival::survfit(formula, data, conf.type = "log-log")
}

test_that("no restricted mean rests on the few who enter first, in either group", {
  refused <- rmst_difference(late, "group")
  expect_equal(refused$status, "not estimable")
  expect_match(refused$reason, "a: too few are followed before 5 (0 at risk, later up to 30); b:", fixed = TRUE)
  expect_null(refused$tables)
  expect_equal(nrow(rmst_difference(common, "group")$tables$rmst), 1L) # all enter together: nothing is thin
  alone <- rmst_difference(transform(common, start = ifelse(group == "b", 6.5, start), stop = stop + 2), "group")
  expect_match(alone$reason, "b: too few are followed before 6.5 (0 at risk", fixed = TRUE) # a whole group is late
})

test_that("recipes are compared by their hazards where they have no means", {
  twice <- rbind(transform(late, arm = "one", run = "one-1"), transform(late, arm = "two", run = "two-1"))
  twice$arm <- factor(twice$arm)
  row <- compare_arms(twice, "arm", random = character())
  expect_equal(row$tables$arms$hr, 1)
  expect_true(is.na(row$tables$arms$difference))
  expect_match(paste(row$remarks, collapse = " "), "no restricted mean times: a mean time from the start would rest on")
})

test_that("curves are of those without the event until enough are followed, and say so", {
  made <- km_curves(late, "group")
  own <- made$tables$curves
  oracle <- plain(common)
  for (i in 1:2) {
    mine <- own[own$stratum == c("a", "b")[[i]], ]
    expect_equal(mine$time[[1]], 5)
    expect_equal(mine$n_risk[[1]], 30)
    expect_equal(mine[-1, c("time", "survival", "lower", "upper")],
                 as.data.frame(unclass(oracle[i])[c("time", "surv", "lower", "upper")]), ignore_attr = TRUE)
  }
  expect_match(made$remarks, "of those without the event until then")
  row <- run_fit(late, list(id = "x", fn = "km_curves", outcome = "loss", rule = "first", model = "km",
                            args = list(by = "group", cluster = "fact_id", conf = 0.95)))$fits
  expect_equal(row$status, "warning")
})

test_that("Turnbull's curves are refused, a score test is what it is without the rows that tell nothing", {
  expect_equal(turnbull(late, draws = 2L)$status, "not estimable")
  # A risk set of one has nothing to compare: partial likelihoods need no such rule.
  expect_equal(score_test(late[-1, ], "group")$tables$tests, score_test(common, "group")$tables$tests)
})

test_that("shares of states and Fine-Gray's models begin where enough are followed", {
  stays <- late
  stays$from <- factor("at risk")
  cause <- ifelse(late$event, ifelse(seq_len(nrow(late)) %% 3L == 0L, "other", "loss"), "censored")
  cause[[1]] <- "other"
  stays$to <- factor(cause, c("censored", "loss", "other"))
  stays$x <- sin(seq_len(nrow(stays)))
  made <- competing_risks(stays[names(stays) != "event"], "x") # as `check_states()` takes it
  whole <- competing_risks(stays[-(1:2), ], "x")
  expect_equal(made$tables$occupation, whole$tables$occupation, ignore_attr = TRUE)
  share <- function(made) {
    rows <- made$tables$transition_coefficients
    rows[rows$method == "subdistribution", c("estimate", "se", "events")]
  }
  expect_equal(share(made), share(whole), ignore_attr = TRUE)
  expect_null(made$tables$sojourns)
  expect_gt(nrow(whole$tables$sojourns), 0)
  expect_match(paste(made$remarks, collapse = " "), "the models of shares leave out the thin times")
})

test_that("thin is what fills up again: not a small table, a dwindling end, or rows that are cut", {
  of <- function(...) followed_stretch(data.frame(...))
  expect_false(of(start = 0, stop = c(1, 2, 3, 4), event = TRUE)$late)
  expect_false(of(start = c(0, 0, 1, 1), stop = c(3, 4, 5, 6), event = TRUE)$late) # two at risk, then four
  tail <- of(start = c(rep(0, 40), 39.5), stop = c(1:40, 41), event = TRUE) # one more enters at the end
  expect_false(tail$late || tail$early)
  cut <- of(start = c(0, 0.1 + 0.2), stop = c(0.3, 1), event = c(FALSE, TRUE)) # the spells touch up to rounding
  expect_false(cut$late || cut$early)
  # The other way round: nearly all events come before a gap, after which a second wave enters.
  wave <- of(start = c(rep(0, 40), rep(50, 20)), stop = c(seq(1, 40), rep(c(60, 61), 10)),
             event = rep(c(TRUE, FALSE), c(42, 18)))
  expect_equal(c(wave$from, wave$to), c(0, 34)) # 34 events leave six of later twenty: fewer than a third
  expect_equal(c(wave$late, wave$early), c(FALSE, TRUE))
})
