# Curves whose phases are known because they were drawn so.

# Loss that falls to the no-knowledge loss by step `early`, stays there, and falls from step `late` on.
phase_curve <- function(run, number, early, late, steps = c(0, unique(round(2^seq(0, 11, by = 0.5)))), baseline = 3) {
  loss <- ifelse(steps < early, baseline * 1.5, ifelse(steps < late, baseline, baseline / 2))
  data.frame(run = run, arm = paste0("n", number), number = number, step = steps, loss = loss, baseline = baseline)
}

test_that("phases end between the probes around the true ends, and the level is the baseline's", {
  curve <- phase_curve("a", 256, 20, 300)
  found <- phases(curve)
  at <- curve$step
  expect_equal(c(found$phase1_left, found$phase1_right), c(max(at[at < 20]), min(at[at >= 20])))
  expect_equal(c(found$left, found$right), c(max(at[at < 300]), min(at[at >= 300])))
  expect_equal(c(found$level, found$ratio), c(3, 1))
  expect_equal(found$level_probes, sum(at >= 20 & at < 300))
  shuffled <- curve[sample(nrow(curve)), ]
  expect_equal(phases(shuffled), found)
})

test_that("one lucky probe ends no plateau, and one that does not end is open at the last probe that could tell", {
  curve <- phase_curve("a", 256, 20, 300)
  at <- curve$step
  lucky <- curve
  lucky$loss[which(at >= 90)[[1L]]] <- 1
  expect_equal(phases(lucky)[c("left", "right")], phases(curve)[c("left", "right")])
  open <- phases(phase_curve("a", 256, 20, Inf))
  expect_equal(c(open$left, open$right), c(at[[length(at) - 1L]], NA))
  only_last <- phases(phase_curve("a", 256, 20, max(at))) # the last probe alone lasts for nobody knows how long
  expect_equal(only_last[c("left", "right")], open[c("left", "right")])
  never <- phases(transform(curve, loss = 9))
  expect_equal(c(never$phase1_right, never$level, never$right), c(NA_real_, NA_real_, NA_real_))
  expect_equal(nrow(phases(transform(curve, loss = 1))), 0L) # begins with knowledge
})

test_that("the exponent of simulated plateaus is recovered, and covered as often as said", {
  set.seed(1)
  number <- rep(c(256, 512, 1024, 2048), each = 3)
  grid <- c(0, unique(round(2^seq(0, 12, by = 0.25))))
  covered <- vapply(1:200, function(i) {
    ends <- exp(log(0.43) + 0.81 * log(number * 8) + stats::rnorm(length(number), 0, 0.2))
    cell <- findInterval(ends, grid, left.open = TRUE)
    found <- data.frame(number, left = grid[cell], right = grid[cell + 1L])
    found$right[found$left > 1300] <- NA # follow-up ends: open, not cut off
    found$left[found$left > 1300] <- 1300
    rows <- plateau_scaling(found)
    c(rows$estimate[[1L]], rows$lower[[1L]] < 0.81 && 0.81 < rows$upper[[1L]])
  }, c(0, 0))
  # 200 estimates with standard deviation 0.08: 3 standard errors of their mean are 2 % of it; of 95 % covered, 0.046.
  expect_equal(mean(covered[1L, ]), 0.81, tolerance = 0.02)
  expect_gt(mean(covered[2L, ]), 0.9)
  expect_lt(mean(covered[2L, ]), 0.995)
})

test_that("where a line passes through every interval the grid is the error, and it is said", {
  number <- c(256, 512, 1024)
  found <- data.frame(number, left = number * 0.9, right = number * 1.1)
  expect_warning(rows <- plateau_scaling(found), "every interval")
  expect_equal(rows$estimate[[1L]], 1, tolerance = 1e-4) # survreg's own tolerance
  expect_equal(rows$r2, c(1, 1), tolerance = 1e-4)
  se <- log(1.1 / 0.9) / sqrt(12) / sqrt(2 * log(2)^2) # of a slope with errors of that size
  expect_gt(rows$se[[1L]], se)
  expect_error(plateau_scaling(transform(found, right = NA)), class = "no_estimate")
})

test_that("the task reads pools, says what is open, and leaves out what began with knowledge", {
  curves <- rbind(phase_curve("a", 256, 8, 256), phase_curve("b", 512, 8, 512), phase_curve("c", 1024, 8, 1024),
                  phase_curve("d", 2048, 8, 2048), transform(phase_curve("e", 4096, 8, 1), loss = 1))
  curves$checkpoint <- stats::ave(curves$step, curves$run, FUN = seq_along)
  long <- function(quantity) data.frame(curves, instrument = "loss", pool = "seen", quantity, mean = curves[[quantity]])
  pools <- rbind(long("loss"), long("baseline")[rev(seq_len(nrow(curves))), ])[, -(5:6)]
  # Facts that were never taught are answered as if they were once the others are known.
  unseen <- transform(pools, pool = "unseen")
  known <- unseen$quantity == "loss" & unseen$step > rep(c(256, 512, 1024, 2048, 0), each = nrow(curves) / 5)
  unseen$mean[known] <- 6
  pools <- rbind(pools, unseen)
  task <- list(id = "plateau/first/phases", fn = "learning_phases", outcome = "plateau", rule = "first",
               model = "phases", name = "", args = list(conf = 0.95))
  found <- run_fit(pools, task)
  expect_equal(found$fits$status, "warning")
  expect_match(found$fits$reason, "1 run.s. begin with knowledge.*1 run.s. end on the plateau")
  expect_equal(found$phases$run, c("a", "b", "c", "d"))
  expect_equal(found$phases$rise_right, c(362, 724, 1448, NA)) # the first probe after the end of the plateau
  expect_equal(found$phases$rise_left[1:3], c(256, 512, 1024))
  expect_equal(found$scaling$open, c(1L, 1L))
  expect_equal(run_fit(pools[pools$run == "e", ], task)$fits$status, "not needed")
  pools$number <- pools$number / 1000 # such as an exponent
  expect_null(run_fit(pools, task)$scaling)
  expect_equal(found$scaling$estimate[[1L]], 1, tolerance = 0.05) # ends are the numbers; half-octave grid
})

test_that("claims about plateaus and pools are those of the runs", {
  runs <- expand.grid(seed = 1:3, arm = c("a0", "a0.6"))
  runs$run <- paste(runs$arm, runs$seed, sep = "-")
  late <- c(400, 500, 600, 100, 125, 150)
  curves <- do.call(rbind, Map(function(run, end) phase_curve(run, 256, 8, end), runs$run, late))
  found <- phases(transform(curves, arm = sub("-.$", "", run)))
  found[c("task", "model")] <- list("plateau/first/phases", "phases")
  end <- rep(c(0, 1), each = 6)
  pools <- data.frame(run = rep(runs$run, 2), arm = rep(runs$arm, 2), checkpoint = end, pool = "unseen",
                      instrument = "loss", quantity = "loss", mean = c(rep(3, 6), 4.1, 4, 4.5, 5, 5.2, 5.5))
  pools <- rbind(pools, transform(pools, quantity = "baseline", mean = 3.5))
  plan <- list(outcomes = "acquisition", rules = "first", conf = 0.95, history = TRUE)
  claim <- function(quantity, expect, ...) list(text = "a claim", quantity = quantity, expect = expect, ...)
  pair <- list(by = "arm", group = "a0.6", reference = "a0")
  found$ratio <- found$ratio + 0.001 * seq_along(found$ratio) # runs differ
  said <- judge_claims(list(
    claim("plateau level", "between 0.95 and 1.05", by = "arm", group = "a0"),
    do.call(claim, c(list("ratio of plateaus", "< 1"), pair)),
    claim("excess loss of a pool", "> 0", level = "unseen", by = "arm", group = "a0"),
    do.call(claim, c(list("difference of loss of a pool", "> 0", level = "unseen"), pair)),
    claim("excess loss of a pool", "< 0", level = "unseen", at = "baseline"),
    claim("excess loss of a pool", "> 0", level = "old"), claim("plateau exponent", "between 0.5 and 1.1")
  ), plan, phases = found, pools = pools)
  expect_equal(said$verdict, c(rep("supported", 4), "undecided", rep("not measured", 2)))
  expect_match(said$reason[[5L]], "all alike, which does not tell how far runs differ")
  expect_equal(said$estimate[[2L]], 0.25, tolerance = 0.15) # ends a quarter; half-octave grid
  t_test <- stats::t.test(c(4.1, 4, 4.5) - 3.5)
  expect_equal(unlist(said[3L, c("estimate", "lower", "upper")], use.names = FALSE),
               c(unname(t_test$estimate), t_test$conf.int))
  paired <- stats::t.test(c(5, 5.2, 5.5) - c(4.1, 4, 4.5))
  expect_equal(unlist(said[4L, c("lower", "upper")], use.names = FALSE), as.vector(paired$conf.int))
  expect_match(said$reason[[6L]], "no group 'old'")
  expect_equal(claim_problems(list(claim("ratio of plateaus", "< 1", by = "arm", group = "x")), plan)[[1L]]$key,
               "reference")
})
