# Two arms, each fact in every run: what the means, errors and cuts must be.

test_that("means and differences are those of the facts, by hand", {
  ends <- simulate_ends(facts = 60, seeds = 3, gap = 0.2, seed = 1)
  rows <- accuracy_by_popularity(ends, draws = 50)$tables$popularity
  by_hand <- function(arm, keep) mean(ends$recalled[ends$arm == arm & keep])
  cut <- sort(unique(ends$popularity), decreasing = TRUE)[[30]]
  for (part in c("top", "bottom")) {
    keep <- if (part == "top") ends$popularity >= cut else ends$popularity < cut
    half <- rows[rows$part == part & rows$share == 0.5, ]
    expect_equal(half$facts, rep(30L, 3))
    expect_equal(half$estimate, c(by_hand("base", keep), by_hand("other", keep),
                                  by_hand("other", keep) - by_hand("base", keep)))
  }
  whole <- rows[rows$share == 1, ]
  expect_equal(whole$estimate[whole$part == "top"], whole$estimate[whole$part == "bottom"])
  expect_gte(min(rows$facts), 20L)
  expect_true(all(rows$band_lower <= rows$lower & rows$band_upper >= rows$upper))
})

test_that("with one run the error is that of a mean over facts, paired", {
  ends <- simulate_ends(facts = 400, seeds = 1, seed = 2)
  found <- accuracy_by_popularity(ends, draws = 4000)
  last <- found$tables$popularity[found$tables$popularity$share == 1 & found$tables$popularity$part == "top", ]
  wide <- tapply(as.numeric(ends$recalled), list(ends$fact_id, ends$arm), mean)
  known <- apply(cbind(wide, wide[, 2] - wide[, 1]), 2, stats::sd) / 20
  # 4,000 draws know a standard deviation to about 1.1 %.
  expect_equal(last$se, unname(known), tolerance = 0.05)
  expect_match(found$remarks, "says nothing about other seeds")
})

test_that("facts that all runs treat alike leave the error to the runs, with their degrees of freedom", {
  ends <- simulate_ends(facts = 40, seeds = 4, seed = 3)
  of_run <- stats::setNames(c(1, 2, 4, 9, 0, 3, 3, 7), levels(ends$run))
  ends$value <- unname(of_run[as.character(ends$run)])
  found <- accuracy_by_popularity(ends, value = "value", draws = 50)$tables$popularity
  last <- found[found$share == 1 & found$part == "top", ]
  differences <- of_run[5:8] - of_run[1:4]
  expect_equal(last$se, unname(c(stats::sd(of_run[1:4]), stats::sd(of_run[5:8]), stats::sd(differences)) / 2 *
                                 sqrt(1 - 3 / 4 / 40))) # less what facts and runs share, which is 1/40 of it
  expect_equal(last$df, rep(3, 3), tolerance = 1e-8)
})

test_that("the order of rows and the names of seeds do not matter; clusters and ties stay together", {
  ends <- simulate_ends(facts = 50, seeds = 2, seed = 4)
  one <- accuracy_by_popularity(ends, draws = 50)$tables$popularity
  shuffled <- ends[rev(seq_len(nrow(ends))), ]
  shuffled$seed <- shuffled$seed + 7
  two <- accuracy_by_popularity(shuffled, draws = 50)$tables$popularity
  same <- c("part", "arm", "reference", "share", "facts", "runs", "estimate")
  expect_equal(one[same], two[same])
  tied <- ends
  tied$popularity <- round(tied$popularity) # few values
  cuts <- accuracy_by_popularity(tied, draws = 50)$tables$popularity
  expect_true(all(cuts$facts %in% cumsum(rev(table(tied$popularity[!duplicated(tied$fact_id)]))) |
                    cuts$part == "bottom"))
  # Every fact twice, in clusters of two: no more is known than before.
  twin <- ends
  twin$fact_id <- factor(paste0(twin$fact_id, "-twin"))
  both <- rbind(cbind(ends, group = ends$fact_id), cbind(twin, group = ends$fact_id))
  doubled <- accuracy_by_popularity(both, cluster = "group", draws = 50)$tables$popularity
  last <- function(rows) rows[rows$share == 1 & rows$part == "top" & rows$reference == "", "se"]
  expect_equal(last(doubled), last(one), tolerance = 0.3) # 50 draws of other clusters
  expect_equal(doubled$estimate[doubled$share == 1], one$estimate[one$share == 1])
})

test_that("the known gap is found, and none where there is none", {
  held <- vapply(1:40, function(i) {
    ends <- simulate_ends(facts = 120, seeds = 3, gap = 0.1, seed = i)
    rows <- accuracy_by_popularity(ends, draws = 200, seed = i)$tables$popularity
    pair <- rows[rows$reference == "base" & rows$part == "top", ]
    last <- pair[pair$share == 1, ]
    c(last$lower <= 0.1 && last$upper >= 0.1, all(pair$band_lower <= 0.1 & pair$band_upper >= 0.1))
  }, c(NA, NA))
  # 40 intervals of 95 %: fewer than 33 hold with a chance of 0.1 % (binomial).
  expect_gte(sum(held[1, ]), 33)
  expect_gte(sum(held[2, ]), 33)
})

test_that("attention and settings are compared as changes, and what cannot be compared is said", {
  ends <- simulate_ends(facts = 30, seeds = 2, seed = 5)
  seen <- merge(ends, data.frame(layer = 0:1))
  seen$greatest0 <- 0.5
  seen$greatest <- 0.5 - 0.1 * (seen$arm == "other") * seen$layer
  seen$total0 <- seen$greatest0 + 0.1
  seen$total <- seen$greatest + 0.2
  rows <- attention_by_arm(seen, draws = 20)$tables$paired
  expect_equal(rows$estimate[rows$reference == "base" & rows$measure == "attention, greatest"], c(0, -0.1))
  expect_equal(rows$estimate[rows$reference == "base" & rows$measure == "attention, total"], c(0, -0.1))
  expect_equal(rows$estimate[rows$arm == "base" & rows$measure == "attention, total"], c(0.1, 0.1))
  swept <- transform(ends, key = "exponent", value = 2, attention0 = 0, attention = as.numeric(recalled))
  rows <- gaps_by_setting(swept, draws = 20)$tables$paired
  expect_equal(rows$estimate[rows$measure == "accuracy"], rows$estimate[rows$measure == "attention, greatest"])
  none <- transform(ends, split = factor("trained"))
  expect_match(accuracy_by_popularity(none)$reason, "no fact was withheld")
  expect_match(accuracy_by_popularity(ends, by = "fame")$reason, "no column 'fame'")
  ends$popularity[ends$fact_id == "f1"] <- NA
  expect_match(accuracy_by_popularity(ends, draws = 20)$remarks, "1 facts without a value of 'popularity'")
})

test_that("the plan has a task for each table, and the task a table of the contract", {
  plan <- list(outcomes = "acquisition", rules = "first", comparisons = c("ends", "attention_ends", "sweep"))
  tasks <- Filter(function(task) task$table %in% plan$comparisons, plan_fits(simulate_learning(20, 1, seed = 1), plan))
  expect_equal(vapply(tasks, `[[`, "", "id"), c(
    "accuracy/first/popularity", "attention/first/attention-change", "accuracy/first/sweep"
  ))
  made <- run_fit(simulate_ends(facts = 40, seeds = 2), tasks[[1]])
  expect_equal(made$fits$status, "ok")
  expect_equal(names(made$popularity), names(contract_columns()$popularity))
  expect_error(plan_fits(simulate_learning(20, 1, seed = 1), utils::modifyList(plan, list(comparisons = "end"))),
               "no comparison in a table 'end'")
})

test_that("a gap that grows with a setting is the difference of two gaps that err by themselves", {
  gap <- data.frame(by = "exponent", at = c(1, 0.5, 2), measure = "accuracy", arm = "bottom", reference = "top",
                    facts = 100L, runs = 3L, estimate = c(0, -0.01, -0.09), se = 0.01, df = 9,
                    lower = c(-0.05, -0.04, -0.13), upper = c(0.05, 0.02, -0.05), p = 0.5)
  task <- list(id = "a", outcome = "accuracy", rule = "first", model = "sweep")
  others <- rbind(transform(gap, measure = "attention, greatest", estimate = 5),
                  transform(gap, arm = "top", reference = ""))
  paired <- contract_table("paired", rbind(gap, others), task)
  claim <- list(text = "t", quantity = "growth of the paired difference of recall", by = "arm", group = "top",
                reference = "bottom", term = "exponent", expect = "> 0 %")
  said <- judge_claims(list(claim, utils::modifyList(claim, list(term = "exponents"))),
                       list(outcomes = "acquisition", rules = "first", history = TRUE), paired = paired)
  expect_equal(unlist(said[1, c("estimate", "lower", "upper")], use.names = FALSE), c(0.08, 0.03, 0.13))
  expect_equal(said$verdict, c("supported", "not measured"))
  expect_match(said$reason[[2]], "no setting 'exponents'; the nearest is 'exponent'")
})

test_that("a claim about recipes paired by fact is judged by their interval, whichever way round", {
  ends <- simulate_ends(facts = 200, seeds = 3, gap = 0.2, seed = 1)
  task <- list(id = "a", outcome = "accuracy", rule = "first", model = "popularity")
  found <- accuracy_by_popularity(ends, draws = 100)$tables$popularity
  plan <- list(outcomes = "acquisition", rules = "first", history = TRUE)
  claim <- function(...) {
    list(text = "t", quantity = "paired difference of recall", by = "arm", expect = "> 5 %", ...)
  }
  said <- judge_claims(list(
    claim(group = "other", reference = "base"), claim(group = "base", reference = "other"),
    claim(group = "other", reference = "base", level = "best-known 50 %"),
    claim(group = "other", reference = "base", level = "best known"), claim(group = "others", reference = "base")
  ), plan, popularity = contract_table("popularity", found, task))
  whole <- found[found$reference == "base" & found$share == 1 & found$part == "top", ]
  expect_equal(unlist(said[1, c("estimate", "lower", "upper")]), unlist(whole[c("estimate", "lower", "upper")]))
  expect_equal(unlist(said[2, c("estimate", "lower", "upper")], use.names = FALSE),
               -c(whole$estimate, whole$upper, whole$lower))
  expect_equal(said$verdict, c("supported", "contradicted", "supported", "not measured", "not measured"))
  expect_match(said$reason[4:5], "nearest is 'best-known|nearest is 'other'")
  expect_match(claim_problems(list(claim(group = "other")), plan)[[1]]$what, "needs it")
  expect_match(claim_problems(list(utils::modifyList(claim(group = "a", reference = "b"), list(expect = "good"))),
                              plan)[[1]]$what, "is no expectation")
})
