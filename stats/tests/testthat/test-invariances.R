# What may not change an estimate: how spells are cut, where covariates are centred, what facts are called, the unit of
# time. (Order of rows and reference levels: test-models.R.)
events <- simulate_events(facts = 150L, seed = 3L)
covariates <- c("latent", "popularity", "relation")
ready <- analysis_data(events, "acquisition", "first", covariates, c("fact_id", "group", "run"), TRUE)
fits <- list(
  cox = function(data) cox_univariable(data, covariates, cluster = "fact_id"),
  breslow = function(data) cox_univariable(data, covariates, cluster = "fact_id", ties = "breslow"),
  firth = function(data) cox_firth(data, covariates, always = TRUE),
  cloglog = function(data) cloglog(data, covariates),
  gamma = function(data) frailty_gamma(data, covariates, "group"),
  coxme = function(data) cox_mixed(data, covariates, "group")
)
# Iterations end within their own tolerance: closed sums at 1e-6 of the estimate, searches for a variance at 1e-3.
tolerance <- c(cox = 1e-6, breslow = 1e-6, firth = 1e-4, cloglog = 1e-5, gamma = 1e-3, coxme = 1e-3)

same_fit <- function(name, changed, message) {
  if (name == "coxme") skip_if_not_installed("coxme")
  before <- fits[[name]](ready$data)
  after <- fits[[name]](changed)
  rows <- c("term", "estimate", "se", "se_robust", "lower", "upper")
  expect_equal(after$tables$coefficients[rows], before$tables$coefficients[rows], tolerance = tolerance[[name]],
               info = paste(name, message))
  # Firth's penalty is that of covariates scaled over the rows, as coxphf has it: a constant that cutting changes.
  if (name != "firth") expect_equal(after$fit$loglik, before$fit$loglik, tolerance = tolerance[[name]])
  if (!is.null(before$tables$variances)) {
    expect_equal(after$tables$variances$variance, before$tables$variances$variance, tolerance = 0.01)
  }
}

for (name in names(fits)) {
  test_that(paste(name, "does not depend on how spells are cut"), {
    cut <- survival::survSplit(all_columns, ready$data, cut = c(2, 5, 6))
    expect_gt(nrow(cut), 1.5 * nrow(ready$data))
    same_fit(name, cut, "cut")
  })
  test_that(paste(name, "does not depend on what facts and groups are called, nor on the unit of time"), {
    renamed <- ready$data
    levels(renamed$fact_id) <- paste0("x", sample(nlevels(renamed$fact_id)))
    levels(renamed$group) <- rev(levels(renamed$group))
    same_fit(name, transform(renamed, start = 100 * start, stop = 100 * stop), "renamed")
  })
  test_that(paste(name, "does not depend on where a covariate is centred"), {
    same_fit(name, transform(ready$data, popularity = popularity - 7), "centred")
  })
}

test_that("the checks can fail", {
  moved <- transform(ready$data, stop = stop + (seq_along(stop) %% 2))
  before <- fits$cox(ready$data)$tables$coefficients$estimate
  expect_gt(max(abs(fits$cox(moved)$tables$coefficients$estimate / before - 1)), 1e-4)
})
