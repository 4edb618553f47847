#' Accelerated failure time models with interval-censored times
#'
#' `survival::survreg()` on (left, right]: the log of the time to the event is linear in the covariates. A time ratio
#' (acceleration factor) of 0.5 means that the event comes in half the time. The distribution with the smallest AIC
#' of Weibull, log-normal and log-logistic is marked as chosen. A Weibull model is a proportional hazards model as
#' well: its hazard ratio is exp(-coefficient / scale), with an interval by the delta method on the log scale.
#'
#' Late entry is refused, because survreg cannot condition on it: [interval_ph()] can.
#'
#' @inheritParams cox
#' @param distributions which of the three to fit.
#' @return A list like that of [cox()], with the table `aft`: one row per distribution and coefficient.
#' @references Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure Time Data, 2.3 and 3.2 (models, and
#'   the two readings of Weibull's).
#' @examples
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' aft(ready$data, ready$covariates, terms = ready$terms)
#' @export
aft <- function(data, covariates, strata = character(), cluster = "", conf = 0.95,
                terms = describe_terms(data, covariates),
                distributions = c("weibull", "lognormal", "loglogistic")) {
  late <- sum(data$start > min(data$start))
  if (late) {
    return(list(status = "not estimable", reason = sprintf(paste0(
      "%d rows enter late (start after %s), and survreg cannot condition on that; the interval-censored proportional ",
      "hazards model (kind \"interval\") can"
    ), late, format(min(data$start)))))
  }
  distributions <- texts(distributions)
  clustering <- cluster_of(data, cluster)
  attempts <- lapply(stats::setNames(nm = distributions), function(distribution) {
    captured(fit_aft(data, covariates, strata, clustering$cluster, distribution))
  })
  failed <- vapply(attempts, `[[`, "", "error")
  fits <- Filter(Negate(is.null), lapply(attempts, `[[`, "value"))
  if (!length(fits)) stop("no distribution could be fitted: ", failed[[1L]], call. = FALSE)
  aic <- vapply(fits, stats::AIC, 0)
  best <- names(which.min(aic))
  rows <- lapply(names(fits), function(name) {
    cbind(distribution = name, aic = aic[[name]], chosen = name == best, aft_rows(fits[[name]], terms, conf))
  })
  rows <- do.call(rbind, rows)
  object <- fits[[best]]
  warned <- unlist(lapply(names(attempts), function(name) {
    paste0(name, ": ", attempts[[name]]$warnings, recycle0 = TRUE)
  }))
  new_fit(
    object = object,
    fit = list(
      formula = sub("^[^~]*~", "log(time) in (left, right] ~", formula_text(cox_formula(covariates, strata))),
      ties = "none (intervals)", converged = !any(grepl("converge", attempts[[best]]$warnings)),
      iterations = object$iter, loglik = object$loglik[[2L]],
      loglik_null = object$loglik[[1L]], df = sum(object$df), aic = aic[[best]],
      engine = engine("survival")
    ),
    tables = list(aft = rows),
    doubt = doubts(data, terms, on_hazard(rows[rows$distribution == best, ], object), clustering$cluster),
    remarks = c(
      sprintf("no %s model: %s", names(failed), failed)[nzchar(failed)],
      few_clusters_remark(data, clustering$cluster, nrow(terms)), warned
    ),
    notes = c(paste("AIC:", paste(names(aic), round(aic, 1L), collapse = ", ")), clustering$note)
  )
}

#' @rdname aft
#' @param distribution one of the three.
#' @return `fit_aft()` returns the `survreg` fit.
#' @export
fit_aft <- function(data, covariates, strata = character(), cluster = "", distribution = "weibull") {
  rows <- censoring_intervals(data)
  origin <- min(data$start)
  # An event in (0, r] is left-censored for survreg: log 0 is no time.
  numbers <- in_numbers(data, covariates, strata, cluster)
  data <- numbers$rows
  data$.left <- ifelse(rows$left > origin, rows$left - origin, NA)
  data$.right <- ifelse(is.finite(rows$right), rows$right - origin, NA)
  right <- c(if (length(covariates)) numbers$x else "1", "strata(.strata)"[length(strata) > 0L])
  formula <- stats::as.formula(paste("Surv(.left, .right, type = \"interval2\") ~", paste(right, collapse = " + ")),
                               env = asNamespace("survival"))
  arguments <- list(formula = formula, data = quote(data), dist = distribution, control = quote(aft_control()))
  if (nzchar(cluster)) arguments <- c(arguments, list(cluster = quote(.cluster), robust = TRUE))
  aft_in_own_units(do.call(survival::survreg, arguments), numbers)
}

# As in_own_units(), with the intercept, which is of the covariates' zero.
aft_in_own_units <- function(object, numbers) {
  own <- seq_along(numbers$scale) + 1L
  back <- diag(nrow(object$var))
  back[cbind(own, own)] <- 1 / numbers$scale
  back[1L, own] <- -numbers$centre / numbers$scale
  count <- length(object$coefficients)
  object$coefficients <- stats::setNames(drop(back[seq_len(count), seq_len(count)] %*% object$coefficients),
                                         c("(Intercept)", numbers$coefficients))
  for (name in intersect(c("var", "naive.var"), names(object))) {
    object[[name]] <- back %*% object[[name]] %*% t(back)
  }
  object
}

aft_control <- function() survival::survreg.control(maxiter = 100L, rel.tolerance = 1e-10)

# Rows of the table `aft` of one fit.
aft_rows <- function(object, terms, conf) {
  robust <- !is.null(object$naive.var)
  at <- match(terms$coefficient, names(stats::coef(object)))
  estimate <- unname(stats::coef(object)[at])
  model_se <- sqrt(diag(if (robust) object$naive.var else object$var))[at]
  used_se <- sqrt(diag(object$var))[at]
  infinite <- is_infinite(estimate / min(object$scale), model_se / min(object$scale), terms$range, terms$spread)
  hazard <- weibull_hazard(object, at)
  blank <- function(value) ifelse(infinite, NA_real_, value)
  half <- stats::qnorm(1 - (1 - conf) / 2)
  data.frame(
    term = terms$term, label = terms$label, unit = terms$unit, estimate = blank(estimate), se = blank(model_se),
    se_robust = if (robust) blank(used_se) else NA_real_, time_ratio = blank(exp(estimate)),
    lower = blank(exp(estimate - half * used_se)), upper = blank(exp(estimate + half * used_se)),
    p = blank(2 * stats::pnorm(-abs(estimate / used_se))), hr = blank(exp(hazard$estimate)),
    hr_lower = blank(exp(hazard$estimate - half * hazard$se)),
    hr_upper = blank(exp(hazard$estimate + half * hazard$se)), infinite = infinite
  )
}

# Log times over the scale are on the scale of log hazards, which the rule of doubt is about.
on_hazard <- function(rows, object) {
  numbers <- c("estimate", "se", "se_robust")
  rows[numbers] <- rows[numbers] / min(object$scale)
  rows
}

# log HR = -b / s; with tau = log s its gradient by (b, tau) is (-1 / s, b / s). With strata there is no single scale.
weibull_hazard <- function(object, at) {
  if (object$dist != "weibull" || length(object$scale) > 1L) return(list(estimate = NA_real_, se = NA_real_))
  estimate <- unname(stats::coef(object)[at])
  scale <- object$scale
  tau <- length(stats::coef(object)) + 1L
  variance <- diag(object$var)[at] - 2 * estimate * object$var[at, tau] + estimate^2 * object$var[tau, tau]
  list(estimate = -estimate / scale, se = sqrt(variance) / scale)
}

#' Accelerated failure time models where the grid of probes calls for them
#'
#' @inheritParams aft
#' @return As [aft()]; `status` is `not needed` where the grid is dense and shared (see [probe_grid()]).
#' @export
aft_where_needed <- function(data, covariates, strata = character(), cluster = "", conf = 0.95,
                             terms = describe_terms(data, covariates)) {
  unneeded <- dense_and_shared(data)
  if (length(unneeded)) return(list(status = "not needed", reason = unneeded))
  aft(data, covariates, strata, cluster, conf, terms)
}
