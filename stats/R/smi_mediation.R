#' How much of a predictor is what the corpus told: its hazard ratio before and after counts
#'
#' Cox models on the same rows, each with more of what a corpus says of a fact: without counts; with those of subject
#' and object; with those of both together (and whether they never meet); with mutual information. If the hazard ratio
#' of the first covariate comes nearer to 1, part of what it stands for is frequency. Clusters are drawn again for the
#' intervals of what changes, all models on the same draws; concordance is that of the rows that the models were fitted
#' to.
#'
#' @inheritParams cox
#' @param draws how often clusters are drawn again.
#' @param seed of the draws; NULL for the session's own random numbers.
#' @return A list like that of [cox()], with the table `mediation`, a row a model: `step`, `covariates` (its counts),
#'   the hazard ratio of the first covariate with its interval, `change` (of its logarithm since the first model) and
#'   `gain` (of concordance) with intervals, and the likelihood ratio test against the model before.
#' @export
mediation_by_counts <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                                terms = describe_terms(data, covariates), draws = 200L, seed = 1L) {
  steps <- lapply(count_steps, intersect, covariates)
  base <- setdiff(covariates, unlist(count_steps))
  if (!length(base)) return(list(status = "not needed", reason = "there is no predictor beside the counts"))
  steps <- steps[c(TRUE, diff(lengths(steps)) > 0L)]
  if (length(steps) < 2L) return(list(status = "not needed", reason = "the counts do not vary"))
  fitted <- function(rows) {
    lapply(steps, function(counts) {
      fit_cox(rows, c(base, counts), strata, "", ties)
    })
  }
  whole <- lapply(steps, function(counts) {
    own <- c(base, counts)
    cox_univariable(data, own, strata, cluster, ties, conf, terms[terms$column %in% own, , drop = FALSE])
  })
  of_first <- function(objects) vapply(objects, function(one) stats::coef(one)[[1L]], 0)
  concordance <- function(objects) vapply(objects, function(one) one$concordance[["concordance"]], 0)
  group <- as.integer(factor(as.character(data[[if (nzchar(cluster)) cluster else "fact_id"]])))
  rows_of <- split(seq_along(group), group)
  drawn <- seeded(seed, lapply(seq_len(draws), function(i) {
    rows <- data[unlist(rows_of[sample(length(rows_of), replace = TRUE)]), , drop = FALSE]
    found <- suppressWarnings(captured(fitted(rows))$value)
    since <- function(values) values - values[[1L]]
    finite <- !is.null(found) && all(abs(of_first(found)) < most_log_ratio)
    if (finite) cbind(since(of_first(found)), since(concordance(found)))
  }))
  drawn <- Filter(Negate(is.null), drawn)
  few <- length(drawn) < 0.9 * draws # few events: what is left is chosen
  ends <- function(column, i) {
    if (i == 1L || few) return(c(NA_real_, NA_real_))
    each <- vapply(drawn, function(one) one[i, column], 0)
    stats::quantile(each, c(1 - conf, 1 + conf) / 2, names = FALSE, na.rm = TRUE)
  }
  fits <- lapply(whole, `[[`, "fit")
  rows <- lapply(seq_along(steps), function(i) {
    first <- whole[[i]]$tables$coefficients[1L, c("term", "label", "unit", "estimate", "se", "hr", "lower", "upper")]
    chisq <- if (i > 1L) 2 * (fits[[i]]$loglik - fits[[i - 1L]]$loglik) else NA_real_
    df <- if (i > 1L) fits[[i]]$df - fits[[i - 1L]]$df else NA_real_
    change <- ends(1L, i)
    gain <- ends(2L, i)
    cbind(step = names(steps)[[i]], covariates = toString(steps[[i]]), first,
          change = first$estimate - whole[[1L]]$tables$coefficients$estimate[[1L]], change_lower = change[[1L]],
          change_upper = change[[2L]], concordance = fits[[i]]$concordance,
          gain = fits[[i]]$concordance - fits[[1L]]$concordance, gain_lower = gain[[1L]], gain_upper = gain[[2L]],
          chisq = chisq, df = df, p = stats::pchisq(chisq, df, lower.tail = FALSE))
  })
  lost <- sprintf("%d of %d draws had no finite estimate", draws - length(drawn), draws)[length(drawn) < draws]
  list(
    fit = c(whole[[length(whole)]]$fit[c("formula", "ties", "converged", "loglik", "df", "aic", "concordance")],
            engine = paste(engine("survival"), length(drawn), "draws")),
    tables = list(mediation = do.call(rbind, rows)), doubt = whole[[length(whole)]]$doubt,
    notes = lost, remarks = paste0(lost, ": there is no interval of the change")[few]
  )
}

most_log_ratio <- 10 # a coefficient beyond has no finite estimate: all facts of a group had the event, or none

# What a corpus says of a fact, a little more with each step.
count_steps <- list(
  "without counts" = character(),
  "subject and object" = c("log_subject", "log_object"),
  "and both" = c("log_subject", "log_object", "log_both", "never_met"),
  "and mutual information" = c("log_subject", "log_object", "log_both", "never_met", "mi")
)
