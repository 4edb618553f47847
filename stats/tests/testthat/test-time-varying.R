events <- simulate_events()
acquired <- function() events[events$outcome == "acquisition", ]
entry <- function(...) {
  model <- list(name = "own", outcome = "acquisition", ...)
  tasks <- plan_fits(events, standard_plan(models = list(model), cluster = "", standardise = FALSE))
  run_fit(events, Filter(function(task) task$fn == "model", tasks)[[1L]])
}
said <- function(...) {
  model <- list(name = "own", outcome = "acquisition", ...)
  found <- model_problems(list(model), NULL, list(rules = "first", ties = "efron"))
  vapply(found, function(p) paste0(p$key, ": ", p$what), "")
}

# Both maximise the same partial likelihood, to the tolerance of coxph: 1e-9 of it, 1e-6 of a coefficient.
test_that("tt: the fit on split rows is survival's tt(), with every method for ties", {
  for (ties in c("efron", "breslow")) {
    for (f in list(list("log", log), list("linear", identity))) {
      own <- entry(formula = "latent + popularity + relation", time_varying = "latent", tt = f[[1L]], ties = ties)
      theirs <- survival::coxph(survival::Surv(start, stop, event) ~ latent + tt(latent) + popularity + relation,
                                acquired(), tt = function(x, t, ...) x * f[[2L]](t), ties = ties)
      expect_equal(sort(own$coefficients$estimate), sort(unname(stats::coef(theirs))), tolerance = 1e-6)
      expect_equal(sort(own$coefficients$se), sort(unname(sqrt(diag(stats::vcov(theirs))))), tolerance = 1e-6)
      expect_equal(own$fits$loglik, theirs$loglik[[2L]], tolerance = 1e-9)
    }
  }
  late <- survival::survSplit(all_columns, acquired(), cut = 4)
  late$event <- late$event == 1
  terms <- cbind(describe_terms(late, "latent"), block = "latent")
  cut <- cox_time_varying(late, "latent", terms = terms, time_varying = "latent", tt = "log")
  plain <- entry(formula = "latent", time_varying = "latent", tt = "log")
  expect_equal(cut$tables$coefficients$estimate, plain$coefficients$estimate, tolerance = 1e-6)
})

test_that("tt: each level of a factor changes in its own way", {
  own <- entry(formula = "latent + relation", time_varying = "relation", tt = "linear")
  data <- acquired()
  levels <- levels(factor(data$relation))[-1L]
  expect_length(levels, 2L)
  data[c("b", "c")] <- lapply(levels, function(level) as.numeric(data$relation == level))
  theirs <- survival::coxph(survival::Surv(start, stop, event) ~ latent + b + c + tt(b) + tt(c), data,
                            tt = function(x, t, ...) x * t)
  expect_equal(own$coefficients$estimate, unname(stats::coef(theirs)), tolerance = 1e-6)
  expect_equal(own$term_tests$df, 2)
  expect_match(own$coefficients$unit[4:5], "per unit of time")
})

test_that("tt: the curve is b0 + b1 f(t) with its band, and the test is that of b1", {
  own <- entry(formula = "latent + popularity", time_varying = "latent", tt = "log")
  rows <- own$coefficients[match(c("latent", "latent * log(time)"), own$coefficients$term), ]
  curve <- own$effect_curves
  expect_equal(curve$axis[[1L]], "time")
  expect_equal(curve$estimate, rows$estimate[[1L]] + rows$estimate[[2L]] * log(curve$at))
  expect_equal(curve$se[curve$at == 1], rows$se[[1L]])
  expect_equal(own$term_tests$chisq, rows$z[[2L]]^2)
  expect_match(own$fits$formula, "~ latent + popularity; latent * log(time)", fixed = TRUE)
})

# With every coefficient in periods the likelihood falls into one factor a period.
test_that("split: each period is its own Cox model where everything changes", {
  own <- entry(formula = "latent + popularity", time_varying = list("latent", "popularity"), split = list(3, 8))
  expect_equal(own$zph_periods$from, rep(c(0, 3, 8), 2L))
  for (period in 1:3) {
    part <- survival::survSplit(all_columns, acquired(), cut = c(3, 8), episode = "period")
    alone <- survival::coxph(survival::Surv(start, stop, event) ~ latent + popularity, part[part$period == period, ])
    rows <- own$zph_periods[own$zph_periods$period == period, ]
    expect_equal(rows$estimate, unname(stats::coef(alone)), tolerance = 1e-6)
    expect_equal(rows$se, unname(sqrt(diag(stats::vcov(alone)))), tolerance = 1e-6)
    expect_equal(rows$events[[1L]], sum(part$event[part$period == period]))
  }
  expect_equal(own$term_tests$df, c(2, 2))
  expect_match(own$fits$formula, "latent, popularity by period, cut at 3, 8", fixed = TRUE)
})

test_that("split: a factor, a transformation, a cut beyond the events, robust errors", {
  own <- entry(formula = "latent + relation + log1p(popularity)", time_varying = list("relation", "log1p(popularity)"),
               split = list(4, 99), cluster = "fact_id")
  expect_equal(own$term_tests$term, c("relation", "log1p(popularity)"))
  expect_equal(own$term_tests$df, c(2, 1))
  expect_match(own$fits$reason, "no split at 99")
  expect_true(all(is.finite(own$coefficients$se_robust)))
  expect_match(entry(formula = "latent", time_varying = "latent", split = 99)$fits$reason, "no split time lies between")
})

test_that("pspline is survival's, with the test of its bend and its curve", {
  own <- entry(formula = "latent + pspline(popularity, df = 3)")
  theirs <- survival::coxph(survival::Surv(start, stop, event) ~ latent + pspline(popularity, df = 3), acquired())
  theirs$printfun <- lapply(theirs$printfun, `environment<-`, value = asNamespace("survival"))
  table <- summary(theirs)$coefficients
  expect_equal(own$coefficients$estimate, table[[1L, "coef"]], tolerance = 1e-6)
  expect_equal(own$term_tests$chisq, unname(table[2:3, "Chisq"]), tolerance = 1e-6)
  expect_equal(own$term_tests$p, unname(table[2:3, "p"]), tolerance = 1e-6)
  line <- stats::termplot(theirs, se = TRUE, plot = FALSE)$popularity
  at <- match(own$effect_curves$at, line$x)
  expect_false(anyNA(at))
  # termplot() leaves its curve where the data are; ours is relative to the mean of the rows.
  expect_equal(diff(own$effect_curves$estimate), diff(line$y[at]), tolerance = 1e-6)
  expect_equal(own$effect_curves$se, line$se[at], tolerance = 1e-6)
  expect_equal(own$fits$formula, "Surv(start, stop, event) ~ latent + pspline(popularity, df = 3)")
  # The Schoenfeld test of the fitted shape: one degree of freedom, and as many in all as there are covariates.
  shaped <- acquired()
  shaped$shape <- stats::predict(theirs, type = "terms")[, 2L]
  held <- survival::coxph(survival::Surv(start, stop, event) ~ latent + shape, shaped,
                          init = c(stats::coef(theirs)[[1L]], 1), iter.max = 0L)
  oracle <- survival::cox.zph(held, transform = "identity")$table
  expect_equal(own$zph_tests$term, c("latent", "pspline(popularity, df = 3)", "GLOBAL"))
  expect_equal(own$zph_tests$df, c(1, 1, 2))
  expect_equal(own$zph_tests$chisq, unname(oracle[, "chisq"]), tolerance = 1e-6)
})

test_that("a basis has a joint test and a curve", {
  own <- entry(formula = "latent + ns(popularity, df = 3) + relation")
  formula <- survival::Surv(start, stop, event) ~ latent + splines::ns(popularity, df = 3) + relation
  theirs <- survival::coxph(formula, acquired())
  expected <- stats::predict(theirs, type = "terms", se.fit = TRUE)
  at <- match(own$effect_curves$at, acquired()$popularity)
  expect_equal(own$effect_curves$estimate, unname(expected$fit[at, 2L]), tolerance = 1e-6)
  expect_equal(own$effect_curves$se, unname(expected$se.fit[at, 2L]), tolerance = 1e-6)
  oracle <- survival::cox.zph(theirs, transform = "identity")$table
  expect_equal(own$zph_tests$term, c("latent", "ns(popularity, df = 3)", "relation", "GLOBAL"))
  expect_equal(own$zph_tests$df, c(1, 3, 2, 6))
  expect_equal(own$zph_tests$chisq, unname(oracle[, "chisq"]), tolerance = 1e-6)
  one <- survival::coxph(survival::Surv(start, stop, event) ~ relation, acquired())
  expect_equal(entry(formula = "relation")$term_tests$chisq, unname(one$wald.test), tolerance = 1e-6)
  expect_equal(own$term_tests$term, c("ns(popularity, df = 3)", "relation"))
  product <- entry(formula = "latent * ns(popularity, df = 3)")
  expect_equal(product$zph_tests$term[[3L]], "latent * ns(popularity, df = 3)")
  expect_equal(shown_part(c("a:b", "ns(x, knots = 1:3)", "ns(x, 3):a", "a")),
               c("a * b", "ns(x, knots = 1:3)", "ns(x, 3) * a", "a"))
})

test_that("what cannot be meant is said before any fit", {
  expect_match(said(formula = "latent", time_varying = "latnt", tt = "log"), "'latnt' is no part .*nearest is 'latent'")
  expect_match(said(formula = "latent", time_varying = "latent"), "needs either split")
  expect_match(said(formula = "latent", split = list(3)), "need time_varying")
  expect_match(said(formula = "latent + pspline(p0)", ties = "exact"), "do not go together")
  expect_match(said(formula = "pspline(p0)", kind = "cloglog"), "no penalised splines")
})

# By hand: the difference of two linear predictors at the same popularity, and the variance of that contrast.
test_that("a factor's product with a number is a curve for each level", {
  for (right in c("latent * ns(popularity, df = 3)", "relation * popularity + latent")) {
    curves <- entry(formula = right)$effect_curves
    formula <- stats::as.formula(paste("survival::Surv(start, stop, event) ~", sub("ns(", "splines::ns(", right,
                                                                                   fixed = TRUE)))
    theirs <- survival::coxph(formula, acquired())
    column <- sub(" .*", "", right)
    groups <- sort(unique(acquired()[[column]]))
    expect_equal(unique(curves$term), paste0(column, ": ", if (column == "latent") "yes vs no" else
                                               paste(groups[-1L], "vs", groups[[1L]])))
    for (i in seq_along(groups)[-1L]) {
      d <- curves[curves$term == unique(curves$term)[[i - 1L]], ]
      rows <- acquired()[match(d$at, acquired()$popularity), ]
      matrices <- lapply(groups[c(i, 1L)], function(g) {
        rows[[column]] <- if (is.factor(rows[[column]])) factor(g, levels(rows[[column]])) else g
        stats::model.matrix(theirs, data = rows)
      })
      contrast <- matrices[[1L]] - matrices[[2L]]
      expect_equal(d$estimate, unname(drop(contrast %*% stats::coef(theirs))), tolerance = 1e-6)
      expect_equal(d$se, unname(sqrt(rowSums((contrast %*% stats::vcov(theirs)) * contrast))), tolerance = 1e-6)
    }
    expect_gt(nrow(curves), 20)
    # Drawn coefficients: the band holds the whole curve at its level, little more often; the pointwise one does not.
    basis <- contrast %*% t(chol(stats::vcov(theirs)))
    draws <- basis %*% seeded(1L, matrix(stats::rnorm(4000 * ncol(basis)), ncol(basis))) # curve less its estimate
    inside <- function(upper) mean(colSums(abs(draws) > log(upper) - d$estimate) == 0)
    expect_gte(inside(d$band_upper), 0.942) # two standard errors of 4000 draws below .95
    expect_lte(inside(d$band_upper), 0.975)
    expect_lt(inside(d$upper), 0.94)
    expect_equal(log(d$band_upper) - d$estimate, d$estimate - log(d$band_lower))
  }
  expect_equal(unique(entry(formula = "latent * popularity + latent * relation")$effect_curves$term), NULL)
})
