events <- simulate_events()
entry <- function(...) utils::modifyList(list(name = "own", outcome = "acquisition"), list(...))
fit_entry <- function(..., data = events, plan = standard_plan()) {
  tasks <- plan_fits(data, utils::modifyList(plan, list(models = list(entry(...)))))
  run_fit(data, Filter(function(task) task$fn == "model", tasks)[[1L]])
}
acquired <- function(data = events) data[data$outcome == "acquisition", ]
problems <- function(..., columns = list(events = names(events))) {
  found <- model_problems(list(entry(...)), columns, list(rules = "first", cluster = "fact_id", ties = "efron"))
  vapply(found, function(p) paste0(p$key, ": ", p$what), "")
}

test_that("a model of plain columns is the standard Cox model, under its own name", {
  own <- fit_entry(formula = "latent + popularity + relation")
  standard <- run_fit(events, task_of(events, "cox"))
  expect_equal(own$coefficients[-1L], standard$coefficients[-1L])
  expect_equal(own$zph_tests[-1L], standard$zph_tests[-1L])
  expect_equal(own$fits$name, "own")
  expect_equal(own$fits$task, "acquisition/first/cox/own")
  expect_equal(standard$fits$name, "")
  expect_match(own$fits$title, "Acquisition, rule 'first': Cox model of latent + popularity", fixed = TRUE)
})

# Exact: our columns are R's design up to the order of terms, so the two searches differ by rounding only.
test_that("transformations, bases and interactions are those of R", {
  texts <- c(
    "latent * log1p(popularity) + relation", "ns(popularity, df = 3) * latent",
    "poly(popularity, 2) + cut(popularity, 3)",
    "(latent + relation)^2", "latent:relation", "I(popularity > 8) + sqrt(popularity):relation", "relation/latent"
  )
  for (text in texts) {
    own <- fit_entry(formula = text, standardise = FALSE, cluster = "fact_id")
    formula <- stats::as.formula(paste("Surv(start, stop, event) ~", text, "+ cluster(fact_id)"))
    environment(formula) <- list2env(list(ns = splines::ns), parent = asNamespace("survival"))
    theirs <- survival::coxph(formula, acquired())
    expect_equal(sort(own$coefficients$estimate), sort(unname(stats::na.omit(stats::coef(theirs)))), tolerance = 1e-6,
                 info = text)
    expect_equal(own$fits$loglik, theirs$loglik[[2]], tolerance = 1e-9, info = text)
    expect_match(own$fits$formula, text, fixed = TRUE)
  }
})

test_that("standardised: numbers are per SD of what the formula makes of them", {
  own <- fit_entry(formula = "log1p(popularity)")
  value <- log1p(acquired()$popularity)
  raw <- fit_entry(formula = "log1p(popularity)", standardise = FALSE)
  expect_equal(own$coefficients$estimate, raw$coefficients$estimate * stats::sd(value), tolerance = 1e-6)
  expect_equal(own$coefficients$unit, sprintf("per SD (%.3f)", stats::sd(value)))
})

test_that("what the formula says of strata and random effects counts like the keys", {
  expect_equal(fit_entry(formula = "latent + strata(relation)")$coefficients$estimate,
               fit_entry(formula = "latent", strata = "relation")$coefficients$estimate)
  skip_if_not_installed("coxme")
  inside <- fit_entry(kind = "frailty", formula = "latent + (1 | group)")
  outside <- fit_entry(kind = "frailty", formula = "latent", random = "group")
  expect_equal(inside$coefficients$estimate, outside$coefficients$estimate)
  expect_match(inside$fits$formula, "latent + (1 | group)", fixed = TRUE)
  alone <- fit_entry(kind = "frailty", formula = "1 + (1 | group)")
  expect_equal(c(nrow(alone$coefficients), nrow(alone$variances)), c(0L, 1L))
})

test_that("every kind fits a formula with a transformation", {
  for (kind in c("cox", "firth", "cloglog", "logit", "frailty")) {
    if (kind == "frailty" && !requireNamespace("coxme", quietly = TRUE)) next
    random <- if (kind == "frailty") " + (1 | group)" else ""
    own <- fit_entry(kind = kind, formula = paste0("latent + log1p(popularity)", random))
    expect_equal(own$fits$model, kind)
    expect_equal(own$coefficients$term, c("latent", "log1p(popularity)"), info = kind)
    expect_true(own$fits$status %in% c("ok", "warning"), info = kind)
  }
})

test_that("logit is the discrete logistic model of glm on person-periods, and says that its ratios are of odds", {
  own <- fit_entry(kind = "logit", formula = "latent + popularity", standardise = FALSE, cluster = "")
  rows <- survival::survSplit(all_columns, acquired(), cut = sort(unique(acquired()$stop)))
  kept <- names(which(tapply(rows$event, rows$stop, sum) > 0))
  rows <- rows[as.character(rows$stop) %in% kept, ]
  theirs <- stats::glm(event ~ latent + popularity + factor(stop), stats::binomial(), rows,
                       control = list(epsilon = 1e-12, maxit = 50))
  expect_equal(own$coefficients$estimate, unname(stats::coef(theirs)[2:3]), tolerance = 1e-8)
  # glm's last weights are those of the step before its last.
  expect_equal(own$coefficients$se, unname(sqrt(diag(stats::vcov(theirs))))[2:3], tolerance = 1e-6)
  expect_equal(own$fits$loglik, as.numeric(stats::logLik(theirs)), tolerance = 1e-9)
  null <- stats::update(theirs, . ~ factor(stop))
  expect_equal(own$fits$loglik_null, as.numeric(stats::logLik(null)), tolerance = 1e-9)
  expect_match(own$coefficients$unit, "^odds ratio, ")
  expect_match(own$fits$reason, "odds ratios of the event within a period")
  exact <- fit_entry(ties = "exact", formula = "latent + popularity", standardise = FALSE)
  expect_equal(own$coefficients$estimate, exact$coefficients$estimate, tolerance = 0.05) # conditional, not joint
})

test_that("the null log likelihood is that of the same likelihood without covariates", {
  null_of <- function(...) fit_entry(..., formula = "latent + popularity")$fits$loglik_null
  plain <- survival::coxph(survival::Surv(start, stop, event) ~ 1, acquired())$loglik
  expect_equal(null_of(), plain)
  strata <- survival::coxph(survival::Surv(start, stop, event) ~ strata(relation), acquired())$loglik
  expect_equal(null_of(strata = "relation"), strata)
  for (engine in c("coxme", "fast", "gamma", "gaussian")) {
    expect_equal(null_of(kind = "frailty", random = "group", engine = engine), plain, tolerance = 1e-9, info = engine)
  }
  firth <- survival::coxph(survival::Surv(start, stop, event) ~ latent + scale(popularity), acquired(),
                           control = survival::coxph.control(iter.max = 0))
  sds <- c(stats::sd(acquired()$latent), 1) # the penalty is of columns with SD 1
  penalised <- firth$loglik[[1]] - as.numeric(determinant(firth$var * tcrossprod(sds))$modulus) / 2
  expect_equal(null_of(kind = "firth"), penalised, tolerance = 1e-6)
  # One shared grid: the interval likelihood is the grouped one, whose null has the share of each period.
  counted <- table(acquired()$stop, acquired()$event)
  at_risk <- rev(cumsum(rev(rowSums(counted))))
  died <- counted[, "TRUE"]
  grouped <- sum(died * log(died / at_risk) + (at_risk - died) * log1p(-died / at_risk))
  expect_equal(null_of(kind = "interval"), grouped, tolerance = 1e-6) # nlminb's search
  weibull <- survival::survreg(survival::Surv(ifelse(event, ifelse(left > 0, left, NA), stop), ifelse(event, right, NA),
                                              type = "interval2") ~ 1, acquired())
  expect_equal(null_of(kind = "aft", distributions = "weibull"), weibull$loglik[[1]], tolerance = 1e-6)
})

test_that("other names of a kind lead to it", {
  leads <- function(kind) problems(formula = "latent", kind = kind)
  expect_match(leads("coxme"), "kind: there is no kind of model 'coxme'; here it is kind = \"frailty\"", fixed = TRUE)
  for (kind in c("cox-mixed", "Cox_mixed", "mixed")) expect_match(leads(kind), "kind = \"frailty\"", fixed = TRUE)
  for (kind in c("km", "Kaplan-Meier", "turnbull")) expect_match(leads(kind), "analysis.curves_by", fixed = TRUE)
  for (kind in c("aj", "Aalen Johansen")) expect_match(leads(kind), "kind = \"multi-state\"", fixed = TRUE)
  expect_match(leads("fine-gray"), "kind = \"competing-risks\"", fixed = TRUE)
  expect_match(leads("logistic"), "kind = \"logit\"", fixed = TRUE)
  expect_match(leads("coxx"), "the nearest is 'cox'", fixed = TRUE)
  # Every kind that is named exists, and no name of a kind is redirected.
  named <- regmatches(other_kind_names(), gregexpr("(?<=kind = \")[a-z-]+", other_kind_names(), perl = TRUE))
  expect_true(all(unlist(named) %in% names(model_kinds())))
  expect_false(any(names(other_kind_names()) %in% names(model_kinds())))
  expect_false(anyDuplicated(names(other_kind_names())) > 0)
})

test_that("what does not fit the data is said in the place of the estimate", {
  own <- fit_entry(formula = "log(popularity - 5)")
  expect_equal(own$fits$status, "failed")
  expect_match(own$fits$reason, "log(popularity - 5) has no finite value in", fixed = TRUE)
  expect_gt(own$fits$rows, 0L)
  expect_match(fit_entry(formula = "latent + arm")$fits$reason, "arm is left out: it is constant (arm1)", fixed = TRUE)
  wide <- fit_entry(formula = "poly(popularity, 9):poly(log(popularity), 9):poly(sqrt(popularity), 9)")
  expect_match(wide$fits$reason, "about 729 coefficients, more than 500")
  twice <- fit_entry(formula = "popularity + I(2 * popularity)")
  expect_match(twice$fits$reason, "I(2 * popularity) is left out: it is determined", fixed = TRUE)
})

test_that("entries are checked before any fit, with the key, the nearest name and what is known", {
  expect_length(problems(formula = "latent"), 0L)
  expect_equal(problems(formula = "latnt"),
               "formula: there is no column 'latnt' in the table events; the nearest is 'latent'")
  expect_match(problems(formula = "latent", strata = "relatoin"), "^strata: .*nearest is 'relation'")
  expect_match(problems(formula = "latent", kind = "coxx"), "^kind: .*nearest is 'cox'")
  expect_match(problems(formula = "latent", kind = "cloglog", ties = "efron"), "^ties: the kind 'cloglog' does not use")
  expect_match(problems(formula = "latent + (1 | group)"), "^formula: the kind 'cox' has no random effects")
  expect_match(problems(formula = "latent", kind = "frailty"), "^random: .*need a grouping")
  expect_match(problems(formula = "system(\"id\")"), "^formula: .*uses system\\(\\)")
  expect_error(plan_fits(events, standard_plan(models = list(entry(formula = "latnt")))),
               "analysis.model[1].formula (own)", fixed = TRUE)
  twice <- model_problems(list(entry(formula = "latent"), entry(formula = "p0")), plan = list(rules = "first"))
  expect_equal(twice[[1L]][c("number", "key")], list(number = 2L, key = "name"))
})

test_that("a task of a model survives JSON", {
  plan <- standard_plan(models = list(entry(formula = "latent * log1p(popularity)", strata = list("relation"))))
  tasks <- plan_fits(events, jsonlite::fromJSON(jsonlite::toJSON(plan, auto_unbox = TRUE), simplifyDataFrame = FALSE))
  again <- jsonlite::fromJSON(jsonlite::toJSON(tasks, auto_unbox = TRUE), simplifyDataFrame = FALSE)
  of <- function(tasks) strip_time(run_fit(events, Filter(function(task) task$fn == "model", tasks)[[1L]]))
  expect_equal(of(again), of(tasks))
})

test_that("exact ties: the discrete logistic model, with or without late entry, and said to be one", {
  own <- fit_entry(formula = "latent + popularity", ties = "exact", standardise = FALSE)
  formula <- survival::Surv(stop, event) ~ latent + popularity
  theirs <- survival::coxph(formula, acquired(), ties = "exact")
  expect_equal(own$coefficients$estimate, unname(stats::coef(theirs)), tolerance = 1e-8)
  expect_match(own$fits$reason, "odds ratios of the event within a period")
  expect_true(all(startsWith(own$coefficients$unit, "odds ratio, ")))
  # A spell cut in two has the same risk sets; now rows enter late, which coxph() alone would answer with all subsets.
  cut <- survival::survSplit(all_columns, acquired(), cut = 5, start = "start")
  cut$event <- cut$event == 1
  late <- fit_entry(formula = "latent + popularity", ties = "exact", standardise = FALSE, data = cut)
  expect_equal(late$coefficients$estimate, own$coefficients$estimate, tolerance = 1e-6)
  expect_match(problems(formula = "latent", kind = "firth", ties = "exact"), "^ties: ")
})

test_that("nested random effects are those of coxme", {
  skip_if_not_installed("coxme")
  own <- fit_entry(kind = "frailty", formula = "latent + (1 | relation/group)")
  theirs <- coxme::coxme(survival::Surv(start, stop, event) ~ latent + (1 | relation / group), acquired())
  # Two searches over two variances: 1e-3 of a coefficient of 0.7 is far within its standard error of 0.14.
  expect_equal(own$coefficients$estimate, unname(coxme::fixef(theirs)), tolerance = 2e-3)
  expect_setequal(own$variances$grouping, c("relation", "relation/group"))
  expect_gte(own$fits$loglik, theirs$loglik[["Integrated"]] - 1e-2)
  expect_match(own$fits$formula, "latent + (1 | relation/group)", fixed = TRUE)
  same <- fit_entry(kind = "frailty", formula = "latent", random = "group/copy", data = transform(events, copy = group))
  expect_match(same$fits$reason, "no random effect of group/copy: it coincides with group")
})

test_that("marginal beside conditional hazard ratios", {
  skip_if_not_installed("coxme")
  own <- fit_entry(kind = "frailty", formula = "latent + popularity + (1 | group)")
  plain <- fit_entry(formula = "latent + popularity", cluster = "group")
  expect_equal(own$marginal[c("hr", "lower", "upper")], own$coefficients[c("hr", "lower", "upper")])
  expect_equal(own$marginal$marginal_hr, plain$coefficients$hr)
  expect_equal(own$marginal$marginal_upper, plain$coefficients$upper)
  expect_match(own$marginal$method[[1L]], "robust errors by group, 12 levels")
  few <- fit_entry(kind = "frailty", formula = "latent + popularity + (1 | run)")
  plain <- fit_entry(formula = "latent + popularity", cluster = "fact_id")
  expect_match(few$marginal$method[[1L]], "robust errors by fact_id")
  expect_equal(few$marginal$marginal_upper, plain$coefficients$upper)
})

test_that("the outcome explains nothing", {
  for (column in c("event", "log(stop)", "right", "strata(left)")) {
    expect_match(problems(formula = paste("latent +", column)), "formula: '[a-z]+' is the outcome itself")
  }
  expect_length(problems(formula = "latent + start"), 0L)
})

test_that("robust errors of few clusters are doubted", {
  few <- fit_entry(formula = "latent", cluster = "group")
  expect_match(few$fits$reason, "only 12 clusters \\(group\\) are too small")
  expect_false(grepl("clusters", fit_entry(formula = "latent", cluster = "fact_id")$fits$reason))
})

test_that("a Gaussian frailty that is asked for is not said to stand in for coxme, and has its test and interval", {
  own <- fit_entry(kind = "frailty", formula = "latent", random = "group", engine = "gaussian")
  expect_equal(own$fits$status, "ok")
  expect_false(grepl("coxme", paste(own$fits$reason, own$fits$engine)))
  skip_if_not_installed("coxme")
  theirs <- fit_entry(kind = "frailty", formula = "latent", random = "group", engine = "coxme")$variances
  # The same likelihood: to the tolerances of coxme's search and of the interval's (1 % of a variance).
  expect_equal(own$variances[c("chisq", "p")], theirs[c("chisq", "p")], tolerance = 1e-3)
  expect_equal(own$variances[c("lower", "upper")], theirs[c("lower", "upper")], tolerance = 0.03)
})

# The formula against what it stands for: facts with gamma frailties whose hazards are known. The marginal ratio at t is
# that of facts still at risk, so it is counted among them; 2e5 facts a side leave a Monte Carlo error of 4 % at time 2.
test_that("a gamma frailty's marginal hazard ratio at a time is what is seen at that time", {
  set.seed(4)
  variance <- 1.5
  count <- 2e5
  seen <- function(hr, at, width) {
    time <- stats::rexp(count) / (hr * stats::rgamma(count, 1 / variance, 1 / variance))
    at_risk <- time > at
    sum(at_risk & time <= at + width) / sum(pmin(time[at_risk] - at, width))
  }
  width <- 0.1
  expected <- function(h) 3 * (1 + variance * h) / (1 + variance * h * 3)
  for (at in c(0, 0.5, 2)) {
    expect_equal(seen(3, at, width) / seen(1, at, width), expected(at + width / 2), tolerance = 0.1)
  }
  object <- fit_frailty(acquired(), "latent", "group", distribution = "gamma", variance = variance)
  rows <- data.frame(term = "latent", label = "", unit = "", hr = 3, lower = 2, upper = 4)
  out <- marginal_gamma(object, acquired(), "latent", "group", variance, rows)
  h <- baseline_hazard(object, acquired(), "latent", "group", out$time)
  expect_equal(out$marginal_hr, expected(h))
  expect_true(all(diff(out$marginal_hr) < 0) && all(out$marginal_hr > 1))
  # survival's own cumulative hazard, with the frailty as an offset.
  data <- transform(acquired(), frailty = object$frail[as.integer(group)])
  fit <- survival::coxph(survival::Surv(start, stop, event) ~ latent + offset(frailty), data, ties = "breslow",
                         init = stats::coef(object), iter.max = 0)
  base <- survival::basehaz(fit, newdata = data.frame(latent = FALSE, frailty = 0))
  expect_equal(h, base$hazard[match(out$time, base$time)], tolerance = 1e-8)
})

test_that("without: what stands between takes the ratio with it, and the change errs as leaving clusters out says", {
  set.seed(4)
  d <- acquired(simulate_events(facts = 250L, arms = 2L))
  d$between <- (d$arm == "arm2") + stats::rnorm(nrow(d)) / 2 # what the arm does goes by way of it alone
  d$beside <- stats::rnorm(nrow(d))
  d$time <- stats::rexp(nrow(d)) / (0.15 * exp(d$between))
  d$event <- d$time <= 12
  d$start <- 0
  d$stop <- ifelse(d$event, ceiling(d$time), 12)
  change <- function(rows, beyond) {
    fit <- cox_without(rows, c("arm", "popularity", beyond), beyond, cluster = "fact_id")
    fit[fit$step == "with" & fit$term == "arm", ]
  }
  own <- change(d, "between")
  expect_lt(own$change_upper, -0.5)
  expect_true(own$lower < 1 && own$upper > 1)
  none <- change(d, "beside")
  expect_true(none$change_lower < 0 && none$change_upper > 0)
  # Of clusters left out one by one: dfbeta is that to first order, and 150 of them leave a few percent.
  left <- vapply(levels(droplevels(d$fact_id)), function(one) change(d[d$fact_id != one, ], "between")$change, 0)
  n <- length(left)
  jackknife <- sqrt((n - 1) / n * sum((left - mean(left))^2))
  expect_equal((own$change_upper - own$change) / stats::qnorm(0.975), jackknife, tolerance = 0.05)
  found <- fit_entry(formula = "latent + popularity", without = "latent")$mediation
  expect_equal(as.character(found$step), c("without", "with"))
  expect_match(problems(formula = "latent", without = "popularity"), "without: 'popularity' is no part")
  expect_match(problems(formula = "latent", without = "latent"), "without: leaves no part")
})
