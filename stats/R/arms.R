#' Training recipes against each other
#'
#' Hazard ratio of every arm against the first one, adjusted for the covariates, with the runs (seeds) and the fact
#' groups as random effects: two recipes differ only if they do by more than two seeds of one recipe. The error of that
#' comes from a handful of runs, so intervals and p-values are those of Student's t with runs minus arms degrees of
#' freedom; with the normal distribution a true null is rejected far too often (`docs/validation.md`, scenario
#' arms_null). They are wide where seeds hardly differ, which a handful of runs cannot show. Beside it the difference
#' of restricted mean times, which needs no proportional hazards, but whose error counts other facts only, not other
#' seeds; it is given in units of the time axis and, where they are known, in training examples. With more than two
#' arms p-values are also adjusted by Holm's method.
#'
#' Where the random effects cannot be fitted (one seed an arm, or no coxme) the Cox model with robust errors stands in,
#' and the fit says so.
#'
#' @inheritParams cox_mixed
#' @param horizon of the restricted means, see [rmst_difference()].
#' @return A list like that of [cox()], with the table `arms`: one row for each arm but the first.
#' @references Holm (1979), Scandinavian Journal of Statistics 6:65.
#' @export
compare_arms <- function(data, covariates, random = "run", strata = character(), cluster = "fact_id", ties = "efron",
                         conf = 0.95, terms = describe_terms(data, covariates), mixed_engine = "auto", horizon = NULL) {
  if (!"arm" %in% covariates) {
    return(list(status = "not estimable", reason = "there is one arm, or it is determined by another covariate"))
  }
  mixed <- captured(cox_mixed(data, covariates, random, strata, cluster, ties, conf, terms, profile = FALSE,
                              mixed_engine = mixed_engine))
  result <- mixed$value
  remarks <- result$remarks
  if (is.null(result$tables$coefficients)) {
    result <- cox_univariable(data, covariates, strata, cluster, ties, conf, terms)
    why <- c(mixed$value$reason, mixed$error)
    remarks <- c(remarks, result$remarks, paste0(
      "the Cox model with robust errors stands in for the one with random runs: differences between seeds are not in ",
      "its intervals (", why[nzchar(why)][[1L]], ")"
    ))
  }
  arm <- terms[terms$column == "arm", ]
  hazards <- result$tables$coefficients[match(arm$term, result$tables$coefficients$term), ]
  small <- NULL
  if ("run" %in% result$tables$variances$grouping) {
    df <- n_distinct(data$run) - nrow(arm) - 1L
    hazards <- by_student(hazards, df, conf)
    small <- sprintf("intervals and p-values by Student's t with %d degrees of freedom (runs minus arms)", df)
  }
  restricted <- rmst_difference(data, "arm", cluster, conf, horizon)
  means <- restricted$tables$rmst
  if (is.null(means)) {
    means <- contract_table("rmst", list(), list(id = character(), outcome = character(), rule = character(),
                                                 model = character()))
    remarks <- c(remarks, paste("no restricted mean times:", restricted$reason))
  }
  on_axis <- function(axis) means[means$axis == axis, ][match(arm$level, means$group[means$axis == axis]), ]
  examples <- on_axis("examples")
  means <- on_axis("time")
  of_arm <- function(value) unname(value)[match(arm$level, names(value))]
  list(
    object = result$object,
    fit = result$fit,
    tables = list(arms = data.frame(
      arm = arm$level, reference = arm$reference, seeds = of_arm(tapply(data$run, data$arm, n_distinct)),
      events = of_arm(tapply(data$event, data$arm, sum)),
      hazards[c("estimate", "se", "hr", "lower", "upper", "p")], p_holm = stats::p.adjust(hazards$p, "holm"),
      infinite = hazards$infinite, horizon = means$horizon, rmst = means$rmst, rmst_reference = means$rmst_reference,
      difference = means$difference, difference_lower = means$lower, difference_upper = means$upper,
      difference_p = means$p, difference_p_holm = stats::p.adjust(means$p, "holm"),
      examples_horizon = examples$horizon, examples_difference = examples$difference, examples_lower = examples$lower,
      examples_upper = examples$upper, examples_p = examples$p,
      examples_p_holm = stats::p.adjust(examples$p, "holm"), row.names = NULL
    )),
    doubt = result$doubt,
    remarks = remarks,
    notes = c(result$notes, small, "the restricted mean times are not adjusted for covariates")
  )
}

# Interval and p-value of a coefficient whose standard error is known from `df` degrees of freedom only.
by_student <- function(rows, df, conf) {
  half <- stats::qt(1 - (1 - conf) / 2, df) * rows$se
  rows$lower <- exp(rows$estimate - half)
  rows$upper <- exp(rows$estimate + half)
  rows$p <- 2 * stats::pt(-abs(rows$estimate / rows$se), df)
  rows
}
