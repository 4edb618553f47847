#' Cox model with random effects
#'
#' Fitted by `coxme`, from two different start variances, and from a third one where these disagree: coxme itself
#' gives no sign when a variance ends at its lower boundary or the search stops early, so its fits are compared and
#' judged here. Two of them have to reach the same, highest likelihood. Each variance is tested against zero and has its
#' profile interval, unless one fit takes so long that these would take minutes.
#'
#' @inheritParams cox
#' @param random character, grouping columns; each gets a random intercept (Gaussian on the log hazard).
#' @param profile test the variances and find their profile intervals?
#' @param mixed_engine `"coxme"`, `"fast"` (see [fit_mixed_fast()]: the same likelihood), or `"auto"`: the fast one
#'   where coxme's fits would take longer than about a minute on one core, and longer than the fast one's.
#' @return A list like that of [cox()], with the tables `coefficients`, `marginal` (see [marginal_table()]),
#'   `variances`, `random_effects` (see [random_rows()]) and `zph_tests` (see [zph_given_random()]).
#'   `median_hr` is the median hazard ratio between two random levels, exp(sqrt(2 variance) qnorm(3/4)).
#' @references Ripatti and Palmgren (2000), Biometrics 56:1016. Bengtsson and Dribe (2010), Historical Methods 43:15
#'   (median hazard ratio).
#' @examplesIf requireNamespace("coxme", quietly = TRUE)
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' cox_mixed(ready$data, ready$covariates, random = "group", terms = ready$terms)
#' @export
cox_mixed <- function(data, covariates, random, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                      terms = describe_terms(data, covariates), profile = TRUE, mixed_engine = "auto",
                      zph = "identity") {
  chosen <- fixed_and_random(data, covariates, random)
  if (nzchar(chosen$problem)) return(list(status = "not estimable", reason = chosen$problem, remarks = chosen$remarks))
  picked <- choose_mixed_engine(data, chosen$fixed, chosen$random, strata, mixed_engine, profile = profile)
  if (picked$fast) {
    kept <- terms[terms$column %in% chosen$fixed, , drop = FALSE]
    return(with_notes(mixed_fast(data, chosen, strata, ties, conf, kept, profile, cluster, zph), picked$note))
  }
  if (!requireNamespace("coxme", quietly = TRUE)) {
    return(gaussian_stand_in(data, covariates, random, strata, ties, conf, terms, cluster, zph = zph))
  }
  terms <- terms[terms$column %in% chosen$fixed, , drop = FALSE]
  search <- search_variances(function(variance) {
    fit_coxme(data, chosen$fixed, chosen$random, strata, ties, variance)
  })
  for (text in search$best$warnings) warning(text, call. = FALSE)
  object <- search$best$value
  agree <- length(search$alike) > 1L
  variances <- judged_variances(object, search$alike)
  patience <- if (profile) c(test = 60, interval = 5) else c(test = 0, interval = 0)
  profiled <- profile_variances(data, chosen, strata, ties, conf, search$best, variances, patience)
  variances <- cbind(variances[1:5], profiled$table, variances[6:7])
  under <- function(ties) {
    start <- pmax(variances$variance[match(chosen$random, variances$grouping)], 0.01)
    other <- fit_coxme(data, chosen$fixed, chosen$random, strata, ties, start)
    variance_of(other)[as.character(variances$grouping)]
  }
  variances <- with_its_ground(variances, data, ties, if (profile) under)
  result <- mixed_result(
    data, chosen, strata, ties, conf, terms, variances, agree, estimate = fixed_effects(object),
    se = coxme_errors(object), random_effects = random_rows(object, conf),
    notes = c(if (profile) profiled$notes, attr(variances, "note")),
    fit = list(iterations = object$iter[[1L]], loglik = object$loglik[["Integrated"]],
               loglik_null = object$loglik[["NULL"]], df = object$df[[1L]], engine = engine("coxme")),
    cluster = cluster, zph = zph
  )
  with_notes(do.call(new_fit, c(list(object = object), result)), picked$note)
}

# What both engines of random effects return, from what each has found.
mixed_result <- function(data, chosen, strata, ties, conf, terms, variances, agree, estimate, se, random_effects, notes,
                         fit, cluster, zph = "identity") {
  coefficients <- coefficient_rows(terms, estimate, se, conf = conf)
  proportional <- zph_given_random(data, chosen$fixed, strata, ties, terms, estimate, random_effects, zph)
  list(
    fit = c(
      list(formula = formula_text(cox_formula(chosen$fixed, strata, random = chosen$random)), ties = ties,
           converged = agree, aic = 2 * fit$df - 2 * fit$loglik),
      fit
    ),
    tables = list(
      coefficients = coefficients, variances = variances, random_effects = random_effects,
      zph_tests = proportional$zph_tests,
      marginal = marginal_table(data, chosen$fixed, chosen$random, strata, ties, conf, terms, coefficients, cluster)
    ),
    doubt = doubts(data, terms, coefficients),
    remarks = c(
      chosen$remarks,
      "fits from different start values disagree: do not rely on the variances"[!agree],
      paste0("random ", variances$grouping, ": ", variances$verdict)[variances$boundary]
    ),
    notes = c(
      notes, proportional$remarks,
      "standard errors given the random effects' variances; log likelihood integrated over the random effects"
    )
  )
}

with_notes <- function(result, notes) {
  result$notes <- c(notes, result$notes)
  result
}

#' @rdname cox_mixed
#' @param variance start values of the variances: one for all, or one each.
#' @param fixed list with one element per column of `random`: a variance to hold, or NULL; NULL to fit them all.
#' @export
fit_coxme <- function(data, covariates, random, strata = character(), ties = "efron", variance = 0.04,
                      fixed = NULL) {
  numbers <- in_numbers(data, covariates, strata, random = random)
  formula <- cox_formula(numbers$x, numbers$strata, random = numbers$random)
  # One start value a term, in the formula's order: coxme refuses named ones. Its own tolerance of 1e-5 is relative to
  # the log likelihood, and so stops early on large data.
  object <- coxme::coxme(
    formula, data = numbers$rows, ties = ties, vinit = rep_len(as.list(variance), length(random)), vfixed = fixed,
    control = coxme::coxme.control(optpar = list(method = "BFGS", control = list(reltol = 1e-7)))
  )
  mixed_in_own_units(object, numbers)
}

# As in_own_units(). The coefficients stand last in the information of a coxme fit, whose columns `rmat` hold them.
mixed_in_own_units <- function(object, numbers) {
  for (part in c("vcoef", "frail")) {
    names(object[[part]]) <- numbers$groupings[match(names(object[[part]]), numbers$random)]
  }
  if (!length(numbers$x)) return(object)
  object$coefficients <- stats::setNames(object$coefficients / numbers$scale, numbers$coefficients)
  size <- c(rep(1, nrow(object$variance) - length(numbers$scale)), numbers$scale)
  dense <- ncol(object$variance@rmat)
  object$variance@rmat <- object$variance@rmat / outer(size, utils::tail(size, dense))
  object
}

# Fits from several starts: the best one, and all that reach (nearly) its likelihood.
search_variances <- function(fit) {
  fits <- lapply(c(0.04, 0.16), function(variance) captured(fit(variance)))
  if (sum(near_best(fits)) < 2L) fits <- c(fits, list(captured(fit(0.01))))
  near <- near_best(fits)
  if (!any(near)) stop(fits[[1L]]$error, call. = FALSE)
  list(best = fits[[which.max(integrated(fits))]], alike = lapply(fits[near], `[[`, "value"))
}

integrated <- function(fits) {
  vapply(fits, function(fit) if (is.null(fit$value)) -Inf else fit$value$loglik[["Integrated"]], 0)
}

near_best <- function(fits) {
  logliks <- integrated(fits)
  is.finite(logliks) & logliks > max(logliks) - 0.05
}

# Which columns can be random, and which covariates can then not be fixed as well.
fixed_and_random <- function(data, covariates, random) {
  remarks <- character()
  fixed <- covariates
  for (grouping in random) {
    levels <- length(unique(data[[grouping]]))
    # Factors only: a number that differs from level to level is one coefficient, which a random intercept leaves free.
    twin <- fixed[vapply(fixed, function(column) {
      is.factor(data[[column]]) && coincide(data[[column]], data[[grouping]])
    }, TRUE)]
    why <- ""
    if (levels < 2L) why <- "it has one level"
    if (levels == nrow(data)) why <- "every row is a level of its own"
    if ("arm" %in% twin) why <- "it coincides with arm, the comparison that is asked for"
    if (nzchar(why)) {
      remarks <- c(remarks, sprintf("no random effect of %s: %s", grouping, why))
      random <- setdiff(random, grouping)
    } else if (length(twin)) {
      remarks <- c(remarks, sprintf("%s is left out of the fixed part: it coincides with the random %s",
                                    toString(twin), grouping))
      fixed <- setdiff(fixed, twin)
    }
  }
  problem <- ""
  if (!length(random)) problem <- "no grouping is left for a random effect"
  list(fixed = fixed, random = random, remarks = remarks, problem = problem)
}

# One-to-one: the same partition of the rows under two names.
coincide <- function(a, b) {
  pairs <- nrow(unique(data.frame(a = as.character(a), b = as.character(b))))
  pairs == length(unique(a)) && pairs == length(unique(b))
}

variance_of <- function(object) vapply(coxme::VarCorr(object), function(v) as.numeric(v)[[1L]], 0)

judged_variances <- function(object, objects) {
  variance <- variance_of(object)
  spread <- do.call(pmax, lapply(objects, function(other) abs(variance_of(other) - variance)))
  levels <- lengths(coxme::ranef(object)[names(variance)])
  # A true zero comes back as about 1e-4 or less; a hazard ratio of 1.03 per SD is below anything of interest here.
  boundary <- variance < 1e-3
  if (length(objects) < 2L) spread <- rep(Inf, length(variance))
  uncertain <- spread > 0.1 * variance + 1e-3
  verdict <- ifelse(uncertain, "uncertain: different start values end at different variances", "start values agree")
  verdict[boundary] <- "at its lower boundary: no variation between levels is visible"
  data.frame(grouping = names(variance), levels = levels, variance = variance, sd = sqrt(variance),
             median_hr = exp(sqrt(2 * variance) * stats::qnorm(0.75)), boundary = boundary,
             verdict = few_levels(verdict, levels), row.names = NULL)
}

# coxme gives NULL where a model has random effects only.
fixed_effects <- function(object) {
  effects <- coxme::fixef(object)
  if (is.null(effects)) stats::setNames(numeric(), character()) else effects
}

coxme_errors <- function(object) {
  stats::setNames(sqrt(diag(as.matrix(stats::vcov(object)))), names(fixed_effects(object)))
}

# Test and profile interval of each variance, the other ones at their best for each value of it. A fit or two for the
# test, a dozen or so for the interval: left out where one fit (coxme_seconds()) would make that too long.
profile_variances <- function(data, chosen, strata, ties, conf, best, variances,
                              patience = c(test = 60, interval = 5)) {
  object <- best$value
  loglik <- object$loglik[["Integrated"]]
  seconds <- coxme_seconds(data, chosen$random)
  empty <- list(lower = NA_real_, upper = NA_real_, chisq = NA_real_, p = NA_real_)
  starts <- pmax(variances$variance[match(chosen$random, variances$grouping)], 0.01)
  integrated_at <- function(random, fixed = NULL) {
    if (length(random)) {
      start <- starts[match(random, chosen$random)]
      return(fit_coxme(data, chosen$fixed, random, strata, ties, start, fixed)$loglik[["Integrated"]])
    }
    plain <- fit_cox(data, chosen$fixed, strata, "", ties)$loglik
    plain[[length(plain)]]
  }
  notes <- character()
  rows <- lapply(seq_len(nrow(variances)), function(i) {
    row <- empty
    if (seconds > patience[["test"]]) return(as.data.frame(row))
    without <- captured(integrated_at(chosen$random[-i]))
    if (is.null(without$value)) {
      notes <<- c(notes, sprintf("no test of the variance of %s: %s", variances$grouping[[i]], without$error))
      return(as.data.frame(row))
    }
    row[c("chisq", "p")] <- boundary_test(loglik, without$value)
    if (seconds > patience[["interval"]]) return(as.data.frame(row))
    profile <- function(variance) {
      fixed <- vector("list", length(chosen$random))
      fixed[[i]] <- variance
      integrated_at(chosen$random, fixed)
    }
    row[c("lower", "upper")] <- profile_interval(profile, variances$variance[[i]], loglik, without$value, conf)
    as.data.frame(row)
  })
  slow <- names(patience)[seconds > patience]
  list(table = do.call(rbind, rows), notes = c(notes, sprintf(
    "no %s of the variances: one fit takes about %.0f s", toString(slow), seconds
  )[length(slow) > 0L]))
}
