#' Cox model with a gamma frailty
#'
#' The multiplicative, gamma-distributed counterpart of [cox_mixed()], for one grouping. The variance is found by
#' maximising the profile likelihood over fixed values: `coxph()`'s own search stops early on large grouped data without
#' saying so (a variance of .24 came back as .63). The test of no variance has its boundary taken into account, and the
#' interval is that of the profile. Standard errors of the coefficients are given the variance.
#'
#' @inheritParams cox_mixed
#' @param random character; the first column with at least two levels that is no covariate's twin is used.
#' @return A list like that of [cox()], with the tables `coefficients`, `variances`, `random_effects` (see
#'   [random_rows()]) and `zph_tests` (see [zph_given_random()]). `median_hr` is the
#'   median ratio of the larger to the smaller of two random frailties.
#' @references Klein (1992), Biometrics 48:795. Therneau, Grambsch and Pankratz (2003), JCGS 12:156.
#' @examples
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' frailty_gamma(ready$data, ready$covariates, random = "group", terms = ready$terms)
#' @export
frailty_gamma <- function(data, covariates, random, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                          terms = describe_terms(data, covariates), zph = "identity") {
  chosen <- fixed_and_random(data, covariates, random)
  if (nzchar(chosen$problem)) return(list(status = "not estimable", reason = chosen$problem, remarks = chosen$remarks))
  grouping <- chosen$random[[1L]]
  # Only the twin of the grouping that is used has to go.
  used <- fixed_and_random(data, covariates, grouping)
  fixed <- used$fixed
  terms <- terms[terms$column %in% fixed, , drop = FALSE]
  # survival takes the frailties for uncorrelated, which breaks down at large variances (no convergence, coefficients
  # lost, an error of its own); with few levels the whole information matrix is at hand.
  rows <- if (length(fixed)) count_rows(data, fixed, strata, groupings = grouping)
  linear <- !is.null(rows) && few_cells(rows)
  if (linear) rows <- mixed_rows(data, fixed, grouping, strata) # only now: it holds times by levels
  # survival's own takes the levels times the events at every step: two minutes for 5e7 of them.
  work <- n_distinct(data[[grouping]]) * as.double(sum(data$event))
  if (!linear && work > 1e8) {
    return(list(status = "not estimable", remarks = chosen$remarks, reason = sprintf(paste(
      "left out for its cost: a gamma frailty of %d levels of %s with %d events at %d times takes levels times events",
      "at each of many steps (at up to 500 times it does not)"
    ), n_distinct(data[[grouping]]), grouping, sum(data$event), n_distinct(times_of_events(data)))))
  }
  start <- new.env(parent = emptyenv()) # each search begins where the last one ended
  found_at <- function(variance, tied = ties) {
    assign("fit", gamma_maximum(rows, variance, tied, start$fit), envir = start)
    if (!start$fit$settled) stop("no maximum at this variance", call. = FALSE)
    start$fit
  }
  fit_at <- function(variance, sparse = TRUE, tied = ties) {
    if (linear) return(as_frailty(found_at(variance, tied), rows, tied))
    attempt <- captured(fit_frailty(data, fixed, grouping, strata, tied, "gamma", variance, sparse))
    sound <- !is.null(attempt$value) && !anyNA(stats::coef(attempt$value)) && !length(attempt$warnings)
    if (sound) return(attempt$value)
    if (sparse && n_distinct(data[[grouping]]) <= 60L) return(fit_at(variance, FALSE, tied))
    stop("no sound fit at this variance", call. = FALSE)
  }
  profile <- function(variance, tied = ties) {
    if (linear) found_at(variance, tied)$integrated else fit_at(variance, tied = tied)$history[[1L]]$c.loglik
  }
  lenient <- function(variance, tied = ties) {
    value <- captured(profile(variance, tied))$value
    if (is.null(value)) -1e10 else value
  }
  search <- function(tied) {
    stats::optimize(function(log_variance) lenient(exp(log_variance), tied), log(c(1e-5, 20)), maximum = TRUE,
                    tol = 1e-4)
  }
  without <- fit_cox(data, fixed, strata, "", ties)$loglik
  without <- without[[length(without)]]
  best <- search(ties)
  variance <- exp(best$maximum)
  object <- captured(fit_at(variance))$value
  if (is.null(object$frail) || lenient(1.1 * variance) < -1e9) {
    return(list(status = "not estimable", reason = sprintf(
      "the variance runs away (to %.1f, where the fit breaks down): %d events in %d levels of %s are too few",
      variance, sum(data$event), n_distinct(data[[grouping]]), grouping
    )))
  }
  loglik <- max(best$objective, without)
  boundary <- variance < 1e-3 || best$objective < without + 1e-6
  coefficients <- coefficient_rows(terms, stats::coef(object), frailty_errors(object), conf = conf)
  random_effects <- gamma_rows(object, data, grouping, variance, conf)
  proportional <- zph_given_random(data, fixed, strata, ties, terms, stats::coef(object), random_effects, zph)
  levels <- random_effects$level
  verdict <- if (boundary) "at its lower boundary: no variation between levels is visible" else "profile maximum found"
  variances <- data.frame(
    grouping = grouping, levels = length(levels), variance = variance, sd = sqrt(variance),
    median_hr = stats::qf(0.75, 2 / variance, 2 / variance),
    profile_interval(profile, variance, loglik, without, conf), boundary_test(loglik, without),
    boundary = boundary, verdict = few_levels(verdict, length(levels))
  )
  variances <- with_its_ground(variances, data, ties, function(tied) exp(search(tied)$maximum))
  new_fit(
    object = object,
    fit = list(
      formula = frailty_text(fixed, grouping, strata, "gamma"), ties = ties,
      converged = variance < 19, iterations = object$iter[[length(object$iter)]], loglik = loglik,
      loglik_null = null_loglik(data, strata, ties), df = length(stats::coef(object)) + 1,
      aic = 2 * (length(stats::coef(object)) + 1) - 2 * loglik,
      engine = if (linear) "counts" else engine("survival")
    ),
    tables = list(
      coefficients = coefficients,
      variances = variances,
      random_effects = random_effects, zph_tests = proportional$zph_tests,
      marginal = rbind(
        marginal_table(data, fixed, grouping, strata, ties, conf, terms, coefficients, cluster),
        if (!length(strata)) marginal_gamma(object, data, fixed, grouping, variance, coefficients)
      )
    ),
    doubt = doubts(data, terms, coefficients),
    remarks = c(used$remarks, paste0("gamma frailty of ", grouping, ": ", verdict)[boundary]),
    notes = c(
      setdiff(chosen$remarks, used$remarks), paste("one grouping only:", grouping)[length(random) > 1L],
      proportional$remarks, attr(variances, "note"),
      "variance by the profile over fixed values; standard errors given the variance; marginal log likelihood",
      "standard errors take the frailties for uncorrelated given the rest, and may be some per cent off"[!linear]
    )
  )
}

# Is the information of a grouping small enough? A dense block of twice the event times, 8 MB at 500, and a table of
# times by levels, 160 MB at 2e7, of which there are several.
few_cells <- function(rows) length(rows$times) <= 500L && length(rows$times) * nlevels(rows$groups[[1L]]) < 2e7

#' @rdname frailty_gamma
#' @param grouping one column.
#' @param distribution `"gamma"` or `"gaussian"`.
#' @param variance of the frailty, or NULL to have survival search for it (Gaussian only: its gamma search stops early).
#' @param sparse take the frailties for uncorrelated given the rest: fast, and the frailties are in `frail`.
#' @export
fit_frailty <- function(data, covariates, grouping, strata = character(), ties = "efron", distribution = "gamma",
                        variance = NULL, sparse = TRUE) {
  fixed <- if (is.null(variance)) "" else sprintf(", theta = %.17g", variance)
  numbers <- in_numbers(data, covariates, strata, random = grouping)
  right <- c(
    numbers$x, "strata(.strata)"[length(strata) > 0L],
    sprintf("frailty(%s, distribution = \"%s\", sparse = %s%s)", numbers$random, distribution, sparse, fixed)
  )
  formula <- stats::as.formula(paste("Surv(start, stop, event) ~", paste(right, collapse = " + ")),
                               env = asNamespace("survival"))
  # coxph()'s 20 iterations are too few for a large variance: the log likelihood came out 36 too low, with a warning.
  iterations <- if (is.null(variance)) 20L else 500L
  object <- survival::coxph(formula, numbers$rows, ties = ties,
                            control = survival::coxph.control(iter.max = iterations))
  in_own_units(object, numbers)
}

frailty_text <- function(covariates, grouping, strata, distribution) {
  plain <- formula_text(cox_formula(covariates, strata))
  sprintf("%s + frailty(%s, %s)", plain, quoted(grouping), distribution)
}

frailty_errors <- function(object) {
  stats::setNames(sqrt(diag(as.matrix(object$var)))[seq_along(stats::coef(object))], names(stats::coef(object)))
}

few_levels <- function(verdict, levels) {
  few <- levels < 5L
  verdict[few] <- sprintf("%s; only %d levels, so hardly known", verdict[few], levels[few])
  verdict
}
