#' Cox model with Firth's penalty
#'
#' The answer to separation and to few events: the partial likelihood times the root of the determinant of its
#' information (Jeffreys' prior), whose maximum is finite where the plain one runs away and whose first-order bias is
#' gone. Ties by Efron's method as in [cox()] (the package coxphf, which agrees to the last digits otherwise, has
#' Breslow's only, and that is biased towards zero by ties). Intervals and p-values are those of the profile penalised
#' likelihood, since a Wald interval makes no sense beside a separated coefficient.
#'
#' @inheritParams cox
#' @param always fit also where the plain Cox model has at least ten events per coefficient and only finite estimates?
#'   Otherwise such data come back with the status `not needed`.
#' @return A list like that of [cox()], with the table `coefficients`; `z` is the signed root of the likelihood ratio.
#' @references Heinze and Schemper (2001), Biometrics 57:114. Firth (1993), Biometrika 80:27.
#' @export
cox_firth <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                      terms = describe_terms(data, covariates), always = FALSE) {
  check_ties(ties)
  why <- firth_reason(data, covariates, strata, ties, terms)
  if (!nzchar(why) && !always) {
    return(list(status = "not needed", reason = "at least 10 events per coefficient, and every estimate is finite"))
  }
  likelihood <- penalised_likelihood(data, covariates, strata, ties)
  best <- penalised_maximum(likelihood)
  limits <- lapply(seq_along(best$beta), function(i) profile_limits(likelihood, best, i, conf))
  of <- function(name) stats::setNames(vapply(limits, `[[`, 0, name), likelihood$names) / likelihood$sds
  se <- stats::setNames(sqrt(diag(best$var)), likelihood$names) / likelihood$sds
  rows <- coefficient_rows(terms, stats::setNames(best$beta, likelihood$names) / likelihood$sds, se, conf = conf)
  at <- match(terms$coefficient, likelihood$names)
  rows$lower <- exp(unname(of("lower")[at]))
  rows$upper <- exp(unname(of("upper")[at]))
  rows$z <- vapply(limits, `[[`, 0, "z")[at]
  rows$p <- 2 * stats::pnorm(-abs(rows$z))
  dependent <- nzchar(cluster_of(data, cluster)$cluster)
  list(
    object = best,
    fit = list(
      formula = formula_text(cox_formula(covariates, strata)), ties = ties, converged = best$converged,
      iterations = best$iterations, loglik = best$loglik, df = length(best$beta),
      engine = paste(engine("survival"), "with Firth's penalty")
    ),
    tables = list(coefficients = rows),
    remarks = c(
      paste("no profile limit found for", toString(rows$term[is.na(rows$lower) | is.na(rows$upper)]))[
        anyNA(rows[c("lower", "upper")])
      ],
      sprintf("the intervals take the rows as independent, although each %s has several", cluster)[dependent]
    ),
    notes = c(paste("fitted because", why)[nzchar(why)], "penalised log likelihood; profile likelihood intervals")
  )
}

# Why the penalised model is wanted: infinite estimates, or fewer than ten events per coefficient
# (Peduzzi et al. 1995, Journal of Clinical Epidemiology 48:1503).
firth_reason <- function(data, covariates, strata, ties, terms) {
  plain <- captured(fit_cox(data, covariates, strata, "", ties))$value
  estimate <- stats::coef(plain)[terms$coefficient]
  infinite <- is.null(plain) | any(is_infinite(estimate, sqrt(diag(as.matrix(plain$var))), terms$range))
  events <- sum(data$event)
  toString(c(
    "an estimate of the Cox model is infinite"[infinite],
    sprintf("there are %d events for %d coefficients", events, nrow(terms))[events < 10 * nrow(terms)]
  ))
}

# The penalised log likelihood as a function of the coefficients of columns scaled to SD 1, with its gradient. The
# penalty's gradient is a central difference of the log determinant: third moments of every risk set, without code.
penalised_likelihood <- function(data, covariates, strata, ties) {
  x <- stats::model.matrix(stats::reformulate(quoted(covariates)), data)[, -1L, drop = FALSE]
  names <- colnames(x)
  sds <- apply(x, 2L, stats::sd)
  x <- sweep(x, 2L, sds, "/")
  y <- survival::Surv(data$start, data$stop, data$event)
  stratum <- if (length(strata)) as.integer(interaction(data[strata], drop = TRUE))
  still <- survival::coxph.control(iter.max = 0)
  plain <- function(beta) {
    fit <- survival::agreg.fit(x, y, stratum, init = beta, control = still, weights = rep(1, nrow(x)), method = ties,
                               rownames = NULL, resid = FALSE)
    list(loglik = fit$loglik[[2L]], score = fit$first, var = as.matrix(fit$var),
         half_logdet = -0.5 * as.numeric(determinant(as.matrix(fit$var))$modulus))
  }
  step <- 1e-4
  at <- function(beta, gradient = TRUE) {
    here <- plain(beta)
    here$loglik <- here$loglik + here$half_logdet
    if (gradient) {
      here$score <- here$score + vapply(seq_along(beta), function(i) {
        shift <- replace(numeric(length(beta)), i, step)
        (plain(beta + shift)$half_logdet - plain(beta - shift)$half_logdet) / (2 * step)
      }, 0)
    }
    here
  }
  list(at = at, names = names, sds = stats::setNames(sds, names))
}
