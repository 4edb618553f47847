#' Score test of the difference between groups
#'
#' The score test of a Cox model with the groups as its only factor, in counting-process form: the log-rank test for
#' (start, stop] data, which `survival::survdiff()` refuses. Ties as in the Cox model; with `"breslow"` and without
#' ties it is the log-rank test to the last digit. Where a cluster has several rows it is the robust score test.
#'
#' @param data data.frame with `start`, `stop`, `event`.
#' @param by column that makes the groups; a numeric column is cut into thirds.
#' @inheritParams fit_cox
#' @return A list like that of [cox()], with the table `tests`.
#' @references Cox (1972), JRSS B 34:187. Lin and Wei (1989), JASA 84:1074 (robust score test).
#' @examples
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' score_test(ready$data, by = "latent")$tables
#' @export
score_test <- function(data, by, strata = character(), cluster = "fact_id", ties = "efron") {
  groups <- grouped_by(data, by)
  if (nlevels(groups$value) < 2L) {
    return(list(status = "not estimable", reason = sprintf("%s is constant: there is nothing to compare", by)))
  }
  made <- fresh_names(data, ".by")
  data[[made]] <- groups$value
  clustering <- cluster_of(data, cluster)
  # No iterations: the score test looks at the coefficients 0 only, and separation cannot disturb it.
  object <- fit_cox(data, made, strata, clustering$cluster, ties, iter.max = 0L)
  robust <- nzchar(clustering$cluster)
  statistic <- if (robust) object$rscore else object$score
  df <- nlevels(groups$value) - 1L
  list(
    object = object,
    fit = list(
      formula = formula_text(cox_formula(by, strata, clustering$cluster)), ties = ties, df = df,
      loglik = object$loglik[[1L]], loglik_null = object$loglik[[1L]], engine = engine("survival")
    ),
    tables = list(
      tests = data.frame(by = by, statistic = statistic, df = df,
                         p = stats::pchisq(statistic, df, lower.tail = FALSE))
    ),
    remarks = character(),
    notes = c(groups$notes, paste("score test,", sub("standard errors", "variance", clustering$note)))
  )
}
