learned <- simulate_learning(facts = 150, seeds = 2, variance = c(fact = 0.2), seed = 3)
ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"))
fit <- cox(ready$data, ready$covariates, cluster = "fact_id", terms = ready$terms)
oracle <- survival::coxph(survival::Surv(start, stop, event) ~ latent + popularity + cluster(fact_id), ready$data)

test_that("tidy() and glance() are what survival says of the same model", {
  skip_if_not_installed("generics")
  rows <- generics::tidy(fit)
  expect_equal(rows$estimate, unname(coef(oracle)), tolerance = 1e-6) # both stop at a relative 1e-9 of the likelihood
  expect_equal(rows$std.error, unname(sqrt(diag(vcov(oracle)))), tolerance = 1e-6)
  expect_equal(unname(as.matrix(rows[c("conf.low", "conf.high")])), unname(confint(oracle)), tolerance = 1e-6)
  ratios <- generics::tidy(fit, exponentiate = TRUE)
  expect_equal(log(ratios$estimate), rows$estimate)
  expect_equal(log(ratios$conf.high), rows$conf.high)
  expect_false(any(c("conf.low", "conf.high") %in% names(generics::tidy(fit, conf.int = FALSE))))
  one <- generics::glance(fit)
  expect_equal(c(one$n, one$nevent), c(oracle$n, oracle$nevent))
  expect_equal(c(one$logLik.null, one$logLik), oracle$loglik)
  expect_equal(one$AIC, AIC(oracle))
  expect_equal(one$concordance, oracle$concordance[["concordance"]])
  expect_equal(one$doubt, "")
})

test_that("print() says the ratios, and what speaks against them", {
  printed <- capture.output(back <- print(fit))
  expect_identical(back, fit)
  expect_match(printed[[1]], "Surv(start, stop, event) ~ latent + popularity", fixed = TRUE)
  expect_match(paste(printed, collapse = " "), sprintf("n = %d, %d events", oracle$n, oracle$nevent))
  expect_match(printed, format(signif(exp(coef(oracle)[[1]]), 3)), fixed = TRUE, all = FALSE)
  few <- cox(head(ready$data, 8), ready$covariates, terms = ready$terms)
  expect_match(paste(capture.output(print(few)), collapse = " "), "events for 2 coefficients")
})

test_that("what ran away is a number nowhere", {
  alone <- transform(ready$data, latent = factor(ifelse(event, "a", ifelse(seq_along(event) %% 2, "a", "b"))))
  terms <- describe_terms(alone, c("latent", "popularity"))
  runaway <- suppressWarnings(cox(alone, c("latent", "popularity"), terms = terms)) # survival's, on the same
  expect_true(runaway$tables$coefficients$infinite[[1]])
  expect_match(capture.output(print(runaway)), "no finite estimate", all = FALSE)
  skip_if_not_installed("ggplot2")
  drawn <- ggplot2::autoplot(runaway)
  expect_equal(as.character(drawn$data$label), runaway$tables$coefficients$label[[2]])
  expect_match(drawn$labels$caption, runaway$tables$coefficients$label[[1]], fixed = TRUE)
})

test_that("every kind of model has the class", {
  skip_if_not_installed("coxme")
  arguments <- list(ready$data, ready$covariates, terms = ready$terms)
  mixed <- do.call(cox_mixed, c(arguments, list(random = "group")))
  gamma <- do.call(frailty_gamma, c(arguments, list(random = "group")))
  for (other in list(do.call(cloglog, arguments), do.call(aft, arguments), mixed, gamma)) {
    expect_s3_class(other, "factsurv_fit")
    expect_equal(nrow(tidy.factsurv_fit(other)), 2L)
  }
})
