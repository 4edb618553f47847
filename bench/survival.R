# What bench/survival.py times in R beside our own functions. Sourced together with stats/R.

# The usual call, on a data.frame that R already has.
peer_coxph <- function(events, cluster = "") {
  formula <- stats::as.formula("Surv(start, stop, event) ~ latent + relation + exposure", asNamespace("survival"))
  if (nzchar(cluster)) formula <- stats::update(formula, . ~ . + cluster(fact_id))
  fit <- survival::coxph(formula, events, ties = "efron")
  table <- summary(fit)$coefficients
  data.frame(term = rownames(table), estimate = unname(table[, "coef"]), se = unname(table[, "se(coef)"]),
             loglik = fit$loglik[[2L]], concordance = fit$concordance[["concordance"]])
}

# Crossed random intercepts: every fact in every run, times grouped to epochs.
crossed_design <- function(facts, runs, seed = 1L) {
  set.seed(seed)
  data <- expand.grid(fact_id = factor(seq_len(facts)), run = factor(seq_len(runs)))
  latent <- stats::runif(facts) < 0.3
  score <- stats::rnorm(facts)
  effect <- stats::rnorm(facts, 0, sqrt(0.5))[data$fact_id] + stats::rnorm(runs, 0, sqrt(0.06))[data$run]
  data$latent <- xor(latent[data$fact_id], stats::runif(nrow(data)) < 0.2)
  data$score <- score[data$fact_id]
  time <- stats::rexp(nrow(data)) / (0.08 * exp(0.7 * data$latent - 0.25 * data$score + effect))
  data$start <- 0
  data$stop <- pmin(ceiling(time), 20)
  data$event <- time <= 20
  data
}

# One fit, from one start, by either engine; seconds of the processor.
timed_mixed <- function(engine, facts, runs) {
  data <- crossed_design(facts, runs)
  random <- c("fact_id", "run")
  covariates <- c("latent", "score")
  seconds <- function(times) sum(times[c("user.self", "sys.self")])
  if (engine == "fast") {
    took <- seconds(system.time(fit <- fit_mixed_fast(data, covariates, random)))
    found <- list(fit$beta, sqrt(diag(fit$factor$beta_variance)), fit$variance)
  } else {
    took <- seconds(system.time(fit <- fit_coxme(data, covariates, random)))
    found <- list(fixed_effects(fit), coxme_errors(fit), vapply(coxme::VarCorr(fit), function(v) v[[1L]], 0))
  }
  data.frame(what = c("latent", "score", "fact_id", "run"), estimate = unname(c(found[[1L]], found[[3L]])),
             se = c(found[[2L]], NA, NA), seconds = took, rows = nrow(data), events = sum(data$event))
}
