# Ranks of two kinds of fact in three recipes: means, differences and what each moment holds, by hand.

ranked <- function(facts = 30, seeds = 3, seed = 1) {
  seeded(seed, {
    rows <- expand.grid(fact = seq_len(facts), role = c("fact", "implication"), checkpoint = -1:2,
                        seed = seq_len(seeds), arm = c("joint", "first"), KEEP.OUT.ATTRS = FALSE,
                        stringsAsFactors = FALSE)
    lasting <- stats::runif(facts, 0, 6)
    chance <- ifelse(rows$role == "fact", 0, ifelse(rows$arm == "joint", 1, 5))
    begun <- chance * (2 - pmax(0, rows$checkpoint)) / 2
    rows$rank <- pmin(9, round(begun + lasting[rows$fact] * stats::runif(nrow(rows))))
    data.frame(run = factor(paste0(rows$arm, rows$seed)), arm = factor(rows$arm, c("joint", "first")), seed = rows$seed,
               fact_id = factor(paste(rows$role, rows$fact)), role = factor(rows$role),
               relation = factor(ifelse(rows$role == "fact", "city", "animal")), set = factor("test"),
               group = factor(rows$fact), stage = factor(ifelse(rows$checkpoint < 1, "before", "test")),
               checkpoint = rows$checkpoint, epoch = ifelse(rows$checkpoint < 0, NA, rows$checkpoint * 2),
               ends = rows$checkpoint %in% c(-1, 0, 2), options = 10L, rank = rows$rank)
  })
}

test_that("means over facts and seeds, and paired differences, are those by hand", {
  data <- ranked()
  found <- mean_ranks(data, cluster = "group", draws = 100)$tables$mean_ranks
  end <- found[found$part == "end" & found$role == "implication", ]
  own <- data[data$role == "implication" & data$checkpoint == 2, ]
  means <- tapply(own$rank, own$arm, mean)
  expect_equal(end$estimate, unname(c(means, means[["first"]] - means[["joint"]])))
  expect_equal(paste(end$arm, end$reference), c("joint ", "first ", "first joint"))
  expect_true(all(end$lower <= end$estimate & end$upper >= end$estimate & end$facts == 30 & end$runs == 3))
  curve <- found[found$part == "curve" & found$role == "implication" & found$arm == "first", ]
  of_curve <- data[data$role == "implication" & data$arm == "first" & data$checkpoint >= 0, ]
  by_epoch <- tapply(of_curve$rank, of_curve$epoch, mean)
  expect_equal(curve$estimate[order(curve$epoch)], unname(c(by_epoch)))
  expect_true(all(nzchar(found$stage) == (found$part == "stage") & (found$part == "end" | found$reference == "")))
})

test_that("a kind of fact that no two arms share is not left out in silence", {
  data <- ranked(facts = 6, seeds = 1)
  apart <- data$role == "fact" & (as.integer(data$group) > 3) == (data$arm == "joint")
  found <- mean_ranks(data[!apart, ], draws = 10)
  expect_identical(unique(found$tables$mean_ranks$role), "implication")
  expect_match(found$remarks, "none is ranked in every run, .*: fact city test", all = FALSE)
})

test_that("the task of the plan gives the table of the contract, and a claim reads it", {
  data <- ranked()
  plan <- list(outcomes = "acquisition", rules = "first", comparisons = "ranks", cluster = "group", history = TRUE)
  task <- Filter(function(task) task$table == "ranks", plan_fits(simulate_learning(20, 1, seed = 1), plan))[[1]]
  made <- run_fit(data, task)
  expect_equal(names(made$mean_ranks), names(contract_columns()$mean_ranks))
  claim <- function(...) list(text = "t", quantity = "paired difference of rank", by = "arm", expect = "> 1", ...)
  said <- judge_claims(list(
    claim(group = "first", reference = "joint", level = "animal"),
    claim(group = "joint", reference = "first", level = "animal, test"),
    claim(group = "first", reference = "joint", level = "animals"), claim(group = "first", reference = "joint"),
    list(text = "t", quantity = "rank", by = "arm", group = "joint", level = "animal", expect = "< 3")
  ), plan, mean_ranks = made$mean_ranks)
  pair <- made$mean_ranks[made$mean_ranks$reference == "joint" & made$mean_ranks$relation == "animal", ]
  expect_equal(said$estimate[1:2], c(1, -1) * pair$estimate)
  expect_match(said$reason[3:4], "nearest is 'animal|set level to 'city, test' or 'animal, test'")
  expect_equal(said$verdict[3:4], rep("not measured", 2))
  expect_equal(said$estimate[5], made$mean_ranks$estimate[made$mean_ranks$part == "end" &
                                                           made$mean_ranks$relation == "animal"][1])
})

test_that("implications known after their facts are compared on both clocks", {
  learned <- simulate_learning(facts = 60, seeds = 2, seed = 1)
  learned <- learned[learned$outcome == "acquisition" & learned$rule == "first", ]
  learned$arm <- factor(ifelse(as.integer(factor(learned$run)) %% 2, "a", "b"))
  both <- rbind(cbind(learned, entry = 0), cbind(learned, entry = 0))
  both$outcome <- factor(rep(c("implied", "implied-entry"), each = nrow(learned)))
  plan <- list(outcomes = "acquisition", rules = "first", comparisons = "implied", random = "group")
  tasks <- Filter(function(task) task$table == "implied", plan_fits(learned, plan))
  expect_equal(vapply(tasks, `[[`, "", "id"), c(
    "implied/first/km", "implied/first/km/arm", "implied/first/cox", "implied-entry/first/cox",
    "implied/first/cox-firth", "implied/first/implied-arms"
  ))
  ratios <- vapply(tasks[3:4], function(task) run_fit(both, task)$coefficients$hr, 0)
  expect_equal(ratios[[1]], ratios[[2]])
})
