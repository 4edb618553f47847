events <- simulate_events()
plan <- standard_plan()
acquisition <- analysis_data(events, "acquisition", "first", c("latent", "popularity", "relation"),
                             c("fact_id", "group"), standardise = TRUE)
data <- acquisition$data
right <- "latent + popularity + relation"
direct <- function(right, ...) {
  formula <- as.formula(paste("Surv(start, stop, event) ~", right), env = asNamespace("survival"))
  survival::coxph(formula, data, ...)
}

test_that("the Cox model is coxph's, with model-based and robust errors", {
  tables <- run_fit(events, task_of(events, "cox"))
  robust <- direct(paste(right, "+ cluster(fact_id)"))
  plain <- direct(right)
  rows <- tables$coefficients
  expect_equal(rows$estimate, unname(coef(plain)))
  expect_equal(rows$se, unname(sqrt(diag(vcov(plain)))))
  expect_equal(rows$se_robust, unname(sqrt(diag(vcov(robust)))))
  expect_equal(rows$lower, unname(exp(confint(robust))[, 1]))
  expect_equal(rows$p, unname(summary(robust)$coefficients[, "Pr(>|z|)"]))
  expect_equal(tables$fits$loglik, plain$loglik[[2]])
  expect_equal(tables$fits$aic, AIC(plain))
  expect_equal(tables$fits$concordance, unname(plain$concordance[["concordance"]]))
  expect_match(tables$fits$messages, "robust standard errors: 264 rows in 132 clusters of fact_id")
  expect_equal(rows$term, c("latent", "popularity", "relation:currency", "relation:element"))
  expect_equal(rows$label[c(1, 3)], c("latent: yes vs no", "relation: currency vs capital"))
  sd_of <- sd(events$popularity[events$outcome == "acquisition"])
  expect_equal(rows$unit[[2]], sprintf("per SD (%s)", format(sd_of, digits = 3)))
})

test_that("the grouped-time model is the glm of uncollapsed rows, and agrees with Efron", {
  rows <- run_fit(events, task_of(events, "cloglog"))
  long <- survival::survSplit(all_columns, data, cut = 1:12, episode = "period")
  oracle <- glm(event ~ factor(period) + latent + popularity + relation, binomial("cloglog"), long,
                control = list(epsilon = 1e-12, maxit = 50))
  own <- function(value) unname(utils::tail(value, nrow(acquisition$terms))) # behind the periods
  expect_equal(rows$coefficients$estimate, own(coef(oracle)), tolerance = 1e-6)
  expect_equal(rows$coefficients$se, own(sqrt(diag(vcov(oracle)))), tolerance = 1e-5)
  expect_equal(rows$fits$loglik, as.numeric(logLik(oracle)), tolerance = 1e-8)
  expect_equal(rows$fits$aic, AIC(oracle), tolerance = 1e-8)
  expect_equal(rows$coefficients$estimate, unname(coef(direct(right))), tolerance = 0.02)
  # The same facts with nearly the same scores: what clustering adds is the same to a few percent.
  robust <- run_fit(events, task_of(events, "cox"))$coefficients$se_robust
  expect_equal(rows$coefficients$se_robust, robust, tolerance = 0.05)
})

test_that("strata get a baseline of their own in every model", {
  strata <- utils::modifyList(plan, list(strata = "group", random = list()))
  rows <- run_fit(events, task_of(events, "cox", plan = strata))$coefficients
  expect_equal(rows$estimate, unname(coef(direct(paste(right, "+ strata(group)")))))
  grouped <- run_fit(events, task_of(events, "cloglog", plan = strata))
  # With five facts a stratum the two approximations differ more than in the unstratified model.
  expect_lt(max(abs(grouped$coefficients$estimate - rows$estimate) / rows$se), 0.5)
  expect_match(grouped$fits$formula, "strata(group)", fixed = TRUE)
  score <- run_fit(events, task_of(events, "score", plan = strata))
  expect_match(score$fits$formula, "strata(group)", fixed = TRUE)
})

test_that("curves are survfit's, and the risk table counts at every probe", {
  task <- Filter(function(task) task$id == "acquisition/first/km/latent", plan_fits(events, plan))[[1]]
  tables <- run_fit(events, task)
  oracle <- survival::survfit(survival::Surv(start, stop, event) ~ latent, data, conf.type = "log-log",
                              cluster = fact_id)
  later <- tables$curves[tables$curves$time > 0, ]
  expect_equal(later$survival, oracle$surv)
  expect_equal(later$lower, oracle$lower)
  expect_equal(later$n_risk, as.integer(oracle$n.risk))
  expect_equal(unique(tables$curves$stratum), c("no", "yes"))
  expect_equal(sum(tables$curves$time == 0), 2L)
  expect_equal(sort(unique(tables$risk_table$time)), 0:12)
  # At risk just before a time, had the event before it, censored before it: together all who began.
  own <- tables$risk_table[tables$risk_table$stratum == "yes", ]
  yes <- data[as.character(data$latent) %in% c("TRUE", "yes"), ] # a category in a model
  gone <- vapply(own$time, function(t) sum(yes$stop < t & !yes$event), 0L)
  expect_equal(own$n_risk + own$events + gone, rep(nrow(yes), nrow(own)))
  expect_equal(own$events, vapply(own$time, function(t) sum(yes$stop < t & yes$event), 0L))
})

test_that("the mixed model is coxme's and says when a variance is at its boundary", {
  skip_if_not_installed("coxme")
  tables <- run_fit(events, task_of(events, "coxme"))
  formula <- as.formula(paste("Surv(start, stop, event) ~", right, "+ (1 | group) + (1 | run)"),
                        env = asNamespace("survival"))
  oracle <- coxme::coxme(formula, data)
  expect_equal(tables$coefficients$estimate, unname(coxme::fixef(oracle)), tolerance = 1e-3)
  expect_equal(tables$variances$variance[[1]], coxme::VarCorr(oracle)$group[[1]], tolerance = 0.02)
  expect_equal(tables$variances$boundary, c(FALSE, TRUE))
  expect_equal(tables$fits$status, "warning")
  expect_match(tables$fits$reason, "random run: at its lower boundary")
  expect_equal(tables$random_effects$rank[tables$random_effects$grouping == "group"],
               rank(-tables$random_effects$estimate[tables$random_effects$grouping == "group"]))
  expect_equal(tables$fits$loglik, oracle$loglik[["Integrated"]], tolerance = 1e-5)
})

test_that("neither the order of rows nor the reference level changes the model", {
  shuffled <- events[sample.int(nrow(events)), ]
  expect_equal(strip_time(analyse(shuffled, plan)), strip_time(analyse(events, plan)), tolerance = 1e-4)
  turned <- events
  turned$relation <- factor(turned$relation, c("currency", "element", "capital"))
  before <- run_fit(events, task_of(events, "cox"))
  after <- run_fit(turned, task_of(turned, "cox"))
  expect_equal(after$fits$loglik, before$fits$loglik)
  expect_equal(after$zph_tests, before$zph_tests)
  expect_equal(after$coefficients$label[[4]], "relation: capital vs currency")
  expect_equal(after$coefficients$estimate[[4]], -before$coefficients$estimate[[3]], tolerance = 1e-6)
  expect_equal(after$coefficients$se_robust[[4]], before$coefficients$se_robust[[3]], tolerance = 1e-6)
})
