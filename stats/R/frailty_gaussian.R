# A Gaussian random effect of one grouping, by coxph(): stands in for coxme where that is not installed, or is `asked`
# for by name. It is the same model, with the variance by restricted instead of full maximum likelihood; test and
# interval of the variance are those of the likelihood that both engines of cox_mixed() maximise.
gaussian_stand_in <- function(data, covariates, random, strata, ties, conf, terms, cluster = "", asked = FALSE,
                              zph = "identity") {
  chosen <- fixed_and_random(data, covariates, random)
  if (nzchar(chosen$problem)) return(list(status = "not estimable", reason = chosen$problem, remarks = chosen$remarks))
  grouping <- chosen$random[[1L]]
  fixed <- fixed_and_random(data, covariates, grouping)$fixed
  terms <- terms[terms$column %in% fixed, , drop = FALSE]
  object <- fit_frailty(data, fixed, grouping, strata, ties, "gaussian")
  history <- object$history[[1L]]
  variance <- history$theta
  random_effects <- gaussian_rows(object, data, grouping, conf)
  proportional <- zph_given_random(data, fixed, strata, ties, terms, stats::coef(object), random_effects, zph)
  levels <- random_effects$level
  boundary <- variance < 1e-3
  verdict <- if (boundary) "at its lower boundary: no variation between levels is visible" else "one start only"
  coefficients <- coefficient_rows(terms, stats::coef(object), frailty_errors(object), conf = conf)
  profiled <- captured(laplace_profile(data, fixed, grouping, strata, ties, conf))
  unknown <- data.frame(lower = NA_real_, upper = NA_real_, chisq = NA_real_, p = NA_real_)
  variances <- data.frame(
    grouping = grouping, levels = length(levels), variance = variance, sd = sqrt(variance),
    median_hr = exp(sqrt(2 * variance) * stats::qnorm(0.75)),
    if (is.null(profiled$value)) unknown else profiled$value, boundary = boundary,
    verdict = few_levels(verdict, length(levels))
  )
  variances <- with_its_ground(variances, data, ties, function(tied) {
    fit_frailty(data, fixed, grouping, strata, tied, "gaussian")$history[[1L]]$theta
  })
  new_fit(
    object = object,
    fit = list(
      formula = frailty_text(fixed, grouping, strata, "gaussian"), ties = ties, converged = isTRUE(history$done),
      iterations = object$iter[[length(object$iter)]], loglik_null = null_loglik(data, strata, ties),
      df = sum(object$df),
      engine = paste(c(engine("survival"), if (!asked) "(in place of coxme)"), collapse = " ")
    ),
    tables = list(
      coefficients = coefficients,
      variances = variances,
      random_effects = random_effects, zph_tests = proportional$zph_tests,
      marginal = marginal_table(data, fixed, grouping, strata, ties, conf, terms, coefficients, cluster)
    ),
    doubt = doubts(data, terms, coefficients),
    remarks = c(if (!asked) without_coxme(grouping, setdiff(chosen$random, grouping)), chosen$remarks),
    notes = c(
      "variance by restricted maximum likelihood; its test and interval by the Laplace approximation",
      paste("no test or interval of the variance:", profiled$error)[is.null(profiled$value)], proportional$remarks,
      attr(variances, "note")
    )
  )
}

laplace_profile <- function(data, fixed, grouping, strata, ties, conf) {
  counted <- count_rows(data, fixed, strata, groupings = grouping)
  if (!few_cells(counted)) {
    no_estimate(sprintf("%d levels at %d event times are too many", nlevels(counted$groups[[1L]]),
                        length(counted$times)))
  }
  rows <- mixed_rows(data, fixed, grouping, strata)
  chosen <- list(fixed = fixed, random = grouping)
  profile_fast(data, rows, chosen, strata, ties, conf, search_mixed(rows, ties), 60)$table
}

without_coxme <- function(grouping, left_out) {
  paste0(
    "the R package coxme is not installed on this machine: a Gaussian frailty of ", grouping,
    " fitted by survival stands in for the model with random effects",
    paste0(", without ", toString(left_out))[length(left_out) > 0L],
    ". Remedy: install.packages(\"coxme\"), or restore renv.lock"
  )
}
