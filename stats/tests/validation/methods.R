# What is tried on simulated data: each function takes an event table and returns rows of `method`, `quantity`,
# `estimate`, `se`, `lower`, `upper`, `p`, on the scale of the log hazard ratio, of a variance or of a mean time.

both <- c("latent", "popularity")

row_of <- function(method, quantity, estimate = NA_real_, se = NA_real_, lower = NA_real_, upper = NA_real_,
                   p = NA_real_) {
  data.frame(method = method, quantity = quantity, estimate = estimate, se = se, lower = lower, upper = upper, p = p)
}

coefficients_of <- function(result, method, quantities = NULL) {
  rows <- result$tables$coefficients
  if (is.null(rows)) stop(result$reason, call. = FALSE)
  if (!is.null(quantities)) rows <- rows[rows$term %in% quantities, ]
  se <- ifelse(is.na(rows$se_robust), rows$se, rows$se_robust)
  row_of(method, rows$term, rows$estimate, se, log(rows$lower), log(rows$upper), rows$p)
}

variances_of <- function(result, method) {
  rows <- result$tables$variances
  row_of(method, paste("variance of", rows$grouping), rows$variance, NA_real_, rows$lower, rows$upper, rows$p)
}

efron <- function(data) coefficients_of(cox_univariable(data, both), "Cox, Efron")
breslow <- function(data) coefficients_of(cox_univariable(data, both, ties = "breslow"), "Cox, Breslow")
grouped <- function(data) coefficients_of(cloglog(data, both), "cloglog")
firth <- function(data) coefficients_of(cox_firth(data, both, always = TRUE), "Cox, Firth")
intervals <- function(data) coefficients_of(interval_ph(data, both), "interval censoring")
by_row <- function(data) coefficients_of(cox_univariable(data, both), "Cox, model-based errors")
by_fact <- function(data) {
  coefficients_of(cox_univariable(data, both, cluster = "fact_id"), "Cox, robust errors by fact")
}

mean_time <- function(data) {
  rows <- rmst_difference(data, "latent")$tables$rmst
  row <- rows[rows$axis == "time", ]
  row_of("restricted mean", "latent: difference", row$difference, row$se, row$lower, row$upper, row$p)
}

score <- function(data) {
  row_of("score (log-rank) test", "latent", p = score_test(data, "latent")$tables$tests$p)
}

schoenfeld <- function(data) {
  object <- fit_cox(data, both)
  tests <- zph_tables(object, describe_terms(data, both))$zph_tests
  row_of("Schoenfeld test", paste("drift of", tests$term), p = tests$p)
}

thirds <- function(data) {
  rows <- zph_periods(data, both)$table
  rows <- rows[rows$term == "latent", ]
  row_of("Cox by thirds of the events", paste("latent, third", rows$period), rows$estimate, rows$se, log(rows$lower),
         log(rows$upper), rows$p)
}

mixed <- function(random, profile = FALSE, covariates = both) {
  force(random)
  function(data) {
    result <- cox_mixed(data, covariates, random, profile = profile)
    rbind(coefficients_of(result, "coxme"), variances_of(result, "coxme"))
  }
}

# The test of no variance alone: an interval of a variance that is not there takes most of the time.
boundary <- function(random) {
  force(random)
  function(data) {
    loglik <- cox_mixed(data, both, random, profile = FALSE)$fit$loglik
    without <- fit_cox(data, both)$loglik[[2L]]
    row_of("coxme", paste("variance of", random), p = boundary_test(loglik, without)$p)
  }
}

gamma_of <- function(random) {
  force(random)
  function(data) {
    result <- frailty_gamma(data, both, random)
    rbind(coefficients_of(result, "gamma frailty"), variances_of(result, "gamma frailty"))
  }
}

recipes <- function(data) {
  rows <- compare_arms(data, c("latent", "arm"), random = "run")$tables$arms
  half <- stats::qnorm(0.975) * rows$se
  # With the normal distribution instead of Student's, to see what that would cost.
  rbind(
    row_of("recipes, random runs", "arm", rows$estimate, rows$se, log(rows$lower), log(rows$upper), rows$p),
    row_of("recipes, normal distribution", "arm", rows$estimate, rows$se, rows$estimate - half, rows$estimate + half,
           2 * stats::pnorm(-abs(rows$estimate / rows$se)))
  )
}

# Recipes compared fact by fact at the end: on the best-known quarter, the least-known, and all withheld facts.
paired_accuracy <- function(data) {
  rows <- accuracy_by_popularity(data, draws = 500L, seed = NULL)$tables$popularity
  pair <- rows[rows$reference == "base", ]
  pick <- function(part, share) pair[pair$part == part & abs(pair$share - share) < 1e-9, ]
  of <- function(row, what) row_of("paired by fact", what, row$estimate, row$se, row$lower, row$upper)
  top <- pair[pair$part == "top", ]
  worst <- top[which.max(abs(top$estimate - 0.1) / (top$band_upper - top$band_lower)), ] # nearest to falling out
  rbind(
    of(pick("top", 0.25), "gap, best-known quarter"), of(pick("bottom", 0.25), "gap, least-known quarter"),
    of(pick("top", 1), "gap, all"),
    row_of("paired by fact", "gap, whole curve in its band", worst$estimate, worst$se, worst$band_lower,
           worst$band_upper)
  )
}

# The recipes' hazard ratio as if the runs of a recipe were copies of one another.
recipes_ignoring_runs <- function(data) {
  result <- cox_univariable(data, c("latent", "arm"), cluster = "fact_id")
  coefficients_of(result, "recipes, robust errors by fact", "arm")
}

# One rule of a table that has several.
under <- function(rule, fit = efron) {
  force(rule)
  function(data) {
    rows <- fit(data[data$rule == rule, ])
    rows$method <- paste0(rows$method, ", rule ", rule)
    rows
  }
}
