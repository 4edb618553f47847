events <- simulate_events(facts = 200L)
set.seed(9)
events$p0 <- plogis(rnorm(nrow(events), -3 + 2 * events$latent))
events$logp0 <- log(events$p0)
events$p0_at_0.7 <- plogis(qlogis(events$p0) / 0.7)
data <- analysis_data(events, "acquisition", "first", c("latent", "popularity"), "fact_id", TRUE)$data
rows <- latent_definitions(data, c("latent", "popularity"), samples = c(5, 20))$tables$latent_definitions

test_that("every definition is there, and each is the adjusted model with that label", {
  expect_equal(rows$definition, c("drawn", "half", "half", "half", "half", "graded"))
  expect_equal(rows$samples, c(NA, 5, 20, 5, 20, NA))
  expect_equal(rows$temperature, c(NA, NA, NA, 0.7, 0.7, NA))
  fit <- function(latent) {
    data$latent <- latent
    coef(survival::coxph(survival::Surv(start, stop, event) ~ latent + popularity, data))[[1]]
  }
  half <- function(p, k) 1 - (1 - p)^k >= 0.5
  wanted <- c(fit(data$latent), fit(half(data$p0, 5)), fit(half(data$p0, 20)), fit(half(data$p0_at_0.7, 5)),
              fit(half(data$p0_at_0.7, 20)), fit(as.numeric(scale(data$logp0))))
  expect_equal(rows$estimate, wanted, tolerance = 1e-6)
  expect_equal(rows$share[2:3], c(mean(half(data$p0, 5)), mean(half(data$p0, 20))))
  expect_true(is.na(rows$share[[6]]))
  expect_match(rows$unit[[6]], "per SD")
})

test_that("a definition that does not vary is left out and said so; without latent there is nothing to define", {
  none <- latent_definitions(transform(data, p0 = 0), c("latent", "popularity"))
  expect_false("half" %in% none$tables$latent_definitions$definition[1:2 + 1] &&
                 all(is.na(none$tables$latent_definitions$temperature)))
  expect_match(none$notes, "half \\(K = 5, temperature NA\\): it does not vary", all = FALSE)
  expect_equal(latent_definitions(data, "popularity")$status, "not needed")
})

test_that("the graded label takes the place of logp0, and other tables have no such columns", {
  beside <- latent_definitions(data, c("latent", "logp0"))$tables$latent_definitions
  alone <- survival::coxph(survival::Surv(start, stop, event) ~ scale(logp0), data)
  expect_equal(beside$estimate[beside$definition == "graded"], unname(coef(alone)), tolerance = 1e-6)
  bare <- data[setdiff(names(data), c("p0", "logp0", "p0_at_0.7"))]
  expect_equal(latent_definitions(bare, c("latent", "popularity"))$status, "not needed")
})
