# x has a hazard ratio of 3 until time 4 and none later; z always 1.5 per unit.
set.seed(3)
rows <- data.frame(x = rep(c(FALSE, TRUE), each = 400), z = rnorm(800))
time <- rexp(800) / (0.1 * exp(log(3) * rows$x + log(1.5) * rows$z))
late <- time > 4
time[late] <- 4 + rexp(sum(late)) / (0.1 * exp(log(1.5) * rows$z[late]))
rows <- transform(rows, start = 0, stop = pmin(ceiling(time), 12), event = time <= 12, fact_id = seq_len(800),
                  run = "r")
result <- cox_split(rows, c("x", "z"))

test_that("what changes has a ratio a period, the rest one: the same as survival's tstrata model", {
  expect_equal(unique(result$tables$zph_periods$term), "x")
  expect_equal(result$tables$coefficients$term, "z")
  cuts <- unique(result$tables$zph_periods$to)[1:2]
  long <- survival::survSplit(all_columns, rows, cut = cuts, episode = "period")
  long$strata <- factor(long$period)
  oracle <- survival::coxph(as.formula("Surv(start, stop, event) ~ z + x:strata", asNamespace("survival")), long)
  kept <- coef(oracle)[!is.na(coef(oracle))]
  # survival codes x by both of its levels, and drops one of them in each period: the sign tells which.
  own <- unname(kept[grepl("^x", names(kept))])
  expect_equal(sort(abs(result$tables$zph_periods$estimate)), sort(abs(own)), tolerance = 1e-6)
  expect_equal(result$tables$coefficients$estimate, kept[["z"]], tolerance = 1e-6)
  plain <- survival::coxph(survival::Surv(start, stop, event) ~ x + z, rows)
  expect_equal(result$tables$tests$statistic, 2 * (oracle$loglik[[2]] - plain$loglik[[2]]), tolerance = 1e-6)
  expect_equal(result$tables$tests$df, 2)
  expect_lt(result$tables$tests$p, 1e-4)
})

test_that("the ratios are the truth's: high, then none", {
  hr <- result$tables$zph_periods$hr
  expect_lt(abs(log(hr[[1]] / 3)), 0.5)
  expect_lt(abs(log(hr[[3]])), 0.5)
  expect_lt(abs(result$tables$coefficients$estimate - log(1.5)), 0.15)
})

test_that("robust errors are those of the split rows' cluster, and proportional hazards need no remedy", {
  twice <- rbind(transform(rows, run = "a"), transform(rows, run = "b"))
  clustered <- cox_split(twice, c("x", "z"), cluster = "fact_id")$tables
  # The same rows twice, clustered: as if they were there once.
  single <- cox_split(rows, c("x", "z"))$tables
  expect_equal(clustered$coefficients$estimate, single$coefficients$estimate, tolerance = 0.05)
  expect_equal(clustered$coefficients$se_robust, single$coefficients$se, tolerance = 0.1)
  expect_equal(cox_split(rows, "z")$status, "not needed")
})

test_that("rows are split as survSplit() splits them, also where they start late or end at a cut", {
  some <- data.frame(fact_id = factor(letters[1:6]), start = c(0, 0, 2, 3, 4.5, 1), stop = c(2, 9, 4, 4, 8, 5),
                     event = c(TRUE, FALSE, TRUE, TRUE, FALSE, TRUE), x = 1:6)
  for (cuts in list(numeric(), 2, c(2, 4), c(1, 2, 3, 4, 8.5), 20)) {
    split <- split_time(some, cuts)
    if (!length(cuts)) {
      expect_equal(split$data, some)
      next
    }
    oracle <- survival::survSplit(all_columns, transform(some, row = 1:6), cut = cuts, episode = "period")
    expect_equal(split$row, oracle$row)
    expect_equal(split$period, oracle$period)
    expect_equal(split$data[names(some)], transform(oracle, event = event == 1)[names(some)])
  }
})
