# Claims: what decides them, and that nothing in them is run.

plan <- list(outcomes = "acquisition", rules = "first", covariates = list(acquisition = c("latent", "popularity")),
             curves_by = list(acquisition = "latent"), conf = 0.95, history = TRUE)
claim <- function(quantity, expect, ...) list(text = "a claim", quantity = quantity, expect = expect, ...)
judged <- function(claims, tables) do.call(judge_claims, c(list(claims, plan), tables))

test_that("the whole interval decides, and the ends of between belong to it", {
  verdict <- function(lower, upper, expect, doubt = "") {
    claim_verdict(claim_value(1, lower, upper, doubt = doubt), claim_bounds(expect))
  }
  expect_equal(verdict(1.1, 2, "> 1"), "supported")
  expect_equal(verdict(0.5, 0.9, "> 1"), "contradicted")
  expect_equal(verdict(0.5, 1.9, "> 1"), "undecided")
  expect_equal(verdict(1, 1.9, "> 1"), "undecided")
  expect_equal(verdict(0.02, 0.09, "< 10 %"), "supported")
  expect_equal(verdict(0, 0.1, "between 0 and 10%"), "supported")
  expect_equal(verdict(1.2, 1.3, "between 0.5 and 1.1"), "contradicted")
  expect_equal(verdict(-2, -1, "between -1.5e0 and -0.5"), "undecided")
  expect_equal(verdict(1.1, NA, "> 1"), "undecided")
  expect_equal(verdict(1.1, 2, "> 1", doubt = "4 events"), "undecided")
  for (odd in c("", ">", ">= 1", "1", "> 1; system('x')", "between 2 and 1", "> one", "> Inf")) {
    expect_null(claim_bounds(odd))
  }
})

test_that("a claim's number is that of the tables", {
  events <- simulate_learning(facts = 150, seeds = 2, seed = 1)
  tables <- analyse(events, plan[c("outcomes", "rules", "covariates", "curves_by", "conf")])
  said <- judged(list(
    claim("hazard ratio", "> 1", paper = "HR 2.6"), claim("hazard ratio", "between 0.9 and 1.1", term = "popularity"),
    claim("incidence", "< 10 %"), claim("difference of restricted means", "< 0"),
    claim("difference of restricted means", "< 0", group = "no", reference = "yes"),
    claim("hazard ratio", "> 1", model = "coxme"), claim("recall", "> 0")
  ), tables)
  cox <- tables$coefficients[tables$coefficients$model == "cox", ]
  expect_equal(said$estimate[1:2], cox$hr)
  expect_equal(said[1:2, c("lower", "upper")], cox[c("lower", "upper")], ignore_attr = TRUE)
  all <- tables$curves[tables$curves$by == "", ]
  expect_equal(said$estimate[[3]], max(all$incidence))
  means <- tables$rmst[tables$rmst$axis == "time", ]
  expect_equal(unlist(said[4, c("estimate", "lower", "upper")], use.names = FALSE),
               c(means$difference, means$lower, means$upper))
  expect_equal(said$estimate[[5]], -said$estimate[[4]])
  expect_equal(said$verdict, c("supported", "contradicted", "contradicted", "supported", "contradicted",
                               "not measured", "not measured"))
  expect_match(said$reason[[6]], "no fit 'coxme' of acquisition")
  expect_match(said$reason[[7]], "no table transitions")
  expect_equal(said$paper[1:2], c("HR 2.6", ""))
})

test_that("what never happened is no certainty", {
  never <- data.frame(
    fact_id = rep(sprintf("f%d", 1:12), 2), run = rep(c("a", "b"), each = 12), arm = "main", seed = 1,
    outcome = "acquisition", rule = "first", start = 0, stop = 5, event = FALSE, left = 5, right = NA_real_,
    latent = rep(c(TRUE, FALSE), 12), popularity = 1:24
  )
  tables <- analyse(never, plan[c("outcomes", "rules", "covariates", "curves_by", "conf")])
  said <- judged(list(claim("incidence", "< 10 %"), claim("incidence", "< 50 %", by = "latent", group = "yes"),
                      claim("difference of restricted means", "< 0"), claim("hazard ratio", "> 1")), tables)
  expect_equal(said$verdict, c("undecided", "supported", "not measured", "not measured"))
  z <- stats::qnorm(0.975)
  expect_equal(said$upper[1:2], z^2 / (c(12, 6) + z^2))
  expect_match(said$reason, "Wilson|no event among 12 facts")
  # As they come from files: each table's tasks are levels of its own. Two seeds of an arm are 12 facts, not 24 or 6.
  twice <- rbind(never, transform(never, arm = "other", run = paste0(run, "2")))
  tables <- lapply(analyse(twice, plan[c("outcomes", "rules", "covariates", "conf")]), function(table) {
    if (is.data.frame(table) && "task" %in% names(table)) transform(table, task = factor(task)) else table
  })
  by_arm <- judged(list(claim("incidence", "< 50 %", by = "arm", group = "other")), tables)
  expect_equal(by_arm$upper, z^2 / (12 + z^2))
})

test_that("a number in doubt decides nothing; the penalised one does where it stands on enough", {
  head <- list(outcome = "acquisition", rule = "first")
  fit <- function(model, doubt) data.frame(head, task = model, model = model, name = "", doubt = doubt, reason = doubt)
  ratio <- function(model, hr, lower, upper) {
    data.frame(head, task = model, model = model, term = "latent", label = "latent: yes vs no", unit = "yes vs no",
               hr = hr, lower = lower, upper = upper, infinite = FALSE)
  }
  tests <- data.frame(task = "cox", term = "latent", transform = "identity", p = 0.5)
  few <- "14 events for 6 coefficients"
  rests <- data.frame(head, aspect = "facts", term = "latent", unit = c("f1", "f2"), hr_without = 1.2, lower = 0.7,
                      upper = 2.1)
  tables <- function(penalised) {
    list(fits = rbind(fit("cox", few), fit("cox-firth", penalised)), arms = data.frame(), zph_tests = tests,
         influence = rests,
         coefficients = rbind(ratio("cox", 163, 39, 676), ratio("cox-firth", 0.6, 0.4, 0.9)))
  }
  said <- judged(list(claim("hazard ratio", "> 1")), tables(""))
  expect_equal(said[c("estimate", "model", "verdict")],
               data.frame(estimate = 0.6, model = "cox-firth", verdict = "contradicted"))
  expect_match(said$reason, "penalised \\(Firth\\) model.*14 events")
  expect_match(said$reason, "rests on single facts: without f1, f2 it is 1.2 (0.7 to 2.1)", fixed = TRUE)
  said <- judged(list(claim("hazard ratio", "> 1"), claim("hazard ratio", "> 1", level = "maybe")), tables("5 events"))
  expect_equal(said$verdict, c("undecided", "not measured"))
  expect_match(said$reason, c("14 events|no level 'maybe'"))
})

test_that("shares have Wilson's and Newcombe's intervals where every fact is seen once", {
  yes <- rep(c(1, 0), c(56, 14))
  no <- rep(c(1, 0), c(48, 32))
  a <- mean_limits(yes, seq_along(yes), 0.95, TRUE)
  b <- mean_limits(no, 1000 + seq_along(no), 0.95, TRUE)
  expect_equal(c(a$lower, a$upper), as.vector(stats::prop.test(56, 70, correct = FALSE)$conf.int))
  # Newcombe (1998), Statistics in Medicine 17:873, table II (a), method 10.
  expect_equal(round(difference_limits(a, b), 4), c(0.0524, 0.3339))
  none <- mean_limits(rep(0, 40), rep(1:20, 2), 0.95, TRUE) # 20 facts in two runs are 20
  expect_equal(none$upper, stats::prop.test(0, 20, correct = FALSE)$conf.int[[2]])
  # The same facts twice are known no better, and a fact's own difference is known better than that of two facts.
  twice <- mean_limits(rep(yes, 2), rep(seq_along(yes), 2), 0.95, TRUE)
  expect_equal(twice[c("lower", "upper")], a[c("lower", "upper")])
  expect_lt(diff(difference_limits(a, a)), diff(difference_limits(a, b)) / 3)
})

test_that("recall, its differences, slopes and R2 are those of the states", {
  facts <- 40
  stays <- expand.grid(fact = seq_len(facts), run = c("a-1", "a-2", "b-1", "b-2"), stringsAsFactors = FALSE)
  stays <- data.frame(stays, fact_id = paste0("f", stays$fact), arm = sub("-.*", "", stays$run), rule = "first",
                      start = 0, stop = 5, split = ifelse(stays$fact > 30, "withheld", "trained"),
                      x = stays$fact + 0.5, from = ifelse(stays$fact <= 4, "known", "unknown"))
  learned <- stays$fact <= 4 | (stays$fact <= 20 & stays$arm == "a") | (stays$fact <= 10 & stays$arm == "b")
  stays$to <- ifelse(learned & stays$from == "unknown", "known", "censored")
  said <- judged(list(
    claim("recall", "< 20 %", at = "baseline", split = "trained"), claim("recall", "> 10 %"),
    claim("difference of recall", "> 0", by = "arm", group = "a", reference = "b"),
    claim("slope of recall", "< 0", term = "x", by = "arm", group = "a"), claim("R2 of recall", "> 0.2", term = "x"),
    claim("recall", "> 0", by = "arm", group = "c"), claim("slope of recall", "> 0", term = "from")
  ), list(transitions = stays))
  expect_equal(said$estimate[1:3], c(4 / 30, 15 / 40, 1 / 4))
  one <- stays[stays$run == "a-1", ]
  one$y <- one$fact <= 20
  expect_equal(said$estimate[[4]], unname(stats::coef(stats::lm(y ~ x, one))[[2]]))
  both <- stats::aggregate(learned ~ fact, data.frame(stays, learned), mean)
  expect_equal(said$estimate[[5]], summary(stats::lm(learned ~ fact, both))$r.squared)
  expect_equal(said$verdict, c("undecided", "supported", "supported", "supported", "supported", "not measured",
                               "not measured"))
  expect_match(said$reason[[3]], "facts and of seeds")
  expect_match(said$reason[[6]], "no group 'c'; the nearest is 'a'")
  expect_match(said$reason[[7]], "from is no number")
})

test_that("what an instrument measures is taken at the end, as the mean of its layers", {
  rows <- expand.grid(fact_id = c("p", "q", "r"), run = c("a-1", "b-1"), checkpoint = 0:2, layer = 1:2)
  rows$arm <- sub("-.*", "", rows$run)
  rows$greatest <- rows$checkpoint * (rows$arm == "a") + rows$layer + as.integer(rows$fact_id) / 10
  facts <- data.frame(fact_id = c("r", "q", "p"), split = c("withheld", "trained", "trained"), x = 3:1)
  baseline <- data.frame(rows[rows$checkpoint == 0 & rows$layer == 1, c("run", "fact_id")], latent = TRUE, logp = -1)
  said <- judged(list(
    claim("difference of mean attention", "between 1.9 and 2.1", by = "arm", group = "a", reference = "b"),
    claim("mean attention", "> 1", at = "baseline", split = "trained"),
    claim("mean attention", "> 1", by = "latent", group = "yes")
  ), list(attention = rows, facts = facts, baseline = baseline))
  expect_equal(said$estimate, c(2, 1.65, 2.7))
  expect_equal(said$verdict, rep("supported", 3))
})

test_that("what cannot be meant is found before any work, with the nearest name", {
  wrong <- function(...) claim_problems(list(claim(...)), plan, list(transitions = c("latent", "popularity", "arm")))
  expect_length(wrong("recall", "> 0.5", split = "trained"), 0)
  expect_problem <- function(problems, key, what) {
    expect_equal(vapply(problems, `[[`, "", "key"), key)
    expect_match(problems[[1]]$what, what)
  }
  expect_problem(wrong("hazard ration", "> 1"), "quantity", "nearest is 'hazard ratio'")
  expect_problem(wrong("hazard ratio", "> 1", term = "latnet"), "term", "nearest is 'latent'")
  expect_problem(wrong("hazard ratio", "> system('x')", model = "coxx"), c("expect", "model"), "is no expectation")
  expect_problem(wrong("incidence", "> 1", outcome = "aquisition"), "outcome", "nearest is 'acquisition'")
  expect_problem(wrong("recall", "much"), "expect", "'much' is no expectation")
  expect_problem(wrong("recall", "> 60"), "expect", "'> 60' of a share")
  expect_problem(wrong("hazard ratio", "> 1", rule = "second", by = "latent"), "by", "does not use the key 'by'")
  expect_problem(wrong("incidence", "> 1", by = "latent"), "group", "says no group")
  expect_problem(wrong("difference of recall", "> 0"), "by", "needs it")
  expect_problem(wrong("slope of recall", "> 0", term = "populrity"), "term", "nearest is 'popularity'")
  expect_problem(wrong("mean rank", "< 5"), "quantity", "instrument 'rank', which this study does not use")
  own <- utils::modifyList(plan, list(history = FALSE))
  expect_problem(claim_problems(list(claim("recall", "> 1")), own), "quantity", "facts are probed")
  expect_error(judge_claims(list(claim("hazard ratio", "1")), plan), "claim\\[1\\].expect")
  named <- utils::modifyList(plan, list(models = list(list(name = "mine", outcome = "acquisition",
                                                           formula = "log1p(popularity) + relation"))))
  of_model <- function(term) claim_problems(list(claim("hazard ratio", "> 1", model = "mine", term = term)), named)
  expect_length(of_model("log1p(popularity)"), 0)
  expect_problem(of_model("log1p(popularty)"), "term", "nearest is 'log1p\\(popularity\\)'")
})
