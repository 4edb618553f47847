#' How much of a predictor is what the corpus told: its hazard ratio before and after counts
#'
#' Cox models on the same rows, each with more of what a corpus says of a fact: without counts; with those of subject
#' and object; with those of both together (and whether they never meet); with SMI, or mutual information where the
#' model's size is not known. If the hazard ratio of the first covariate comes nearer to 1, part of what it stands for
#' is frequency. Without another covariate there is no such ratio, and the models say what each count adds. Clusters are
#' drawn again for the intervals of what changes, all models on the same draws; concordance is that of the rows that the
#' models were fitted to.
#'
#' @inheritParams cox
#' @param draws how often clusters are drawn again.
#' @param seed of the draws; NULL for the session's own random numbers.
#' @return A list like that of [cox()], with the table `mediation`, a row a model: `step`, `covariates` (its counts),
#'   the hazard ratio of the first covariate with its interval, `change` (of its logarithm since the first model) and
#'   `gain` (of concordance) with intervals, `added` (to the concordance of the model before) with one, and the
#'   likelihood ratio test against that.
#' @export
mediation_by_counts <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                                terms = describe_terms(data, covariates), draws = 200L, seed = 1L) {
  steps <- lapply(count_steps, intersect, covariates)
  measure <- intersect(names(measure_steps), covariates)[1L]
  if (!is.na(measure)) steps[[measure_steps[[measure]]]] <- c(steps[["and both"]], measure)
  base <- setdiff(covariates, counted_columns)
  if (!length(base)) steps <- steps[-1L]
  steps <- steps[c(TRUE, diff(lengths(steps)) > 0L)]
  if (length(steps) < 2L) return(list(status = "not needed", reason = "the counts do not vary"))
  before <- c(1L, seq_len(length(steps) - 1L))
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
    since <- function(values, when = 1L) values - values[when]
    finite <- !is.null(found) && all(abs(of_first(found)) < most_log_ratio)
    if (finite) cbind(since(of_first(found)), since(concordance(found)), since(concordance(found), before))
  }))
  drawn <- Filter(Negate(is.null), drawn)
  few <- length(drawn) < 0.9 * draws # few events: what is left is chosen
  ends <- function(column, i) {
    if (i == 1L || few || (column == 1L && !length(base))) return(c(NA_real_, NA_real_))
    each <- vapply(drawn, function(one) one[i, column], 0)
    stats::quantile(each, c(1 - conf, 1 + conf) / 2, names = FALSE, na.rm = TRUE)
  }
  fits <- lapply(whole, `[[`, "fit")
  rows <- lapply(seq_along(steps), function(i) {
    first <- whole[[i]]$tables$coefficients[1L, c("term", "label", "unit", "estimate", "se", "hr", "lower", "upper")]
    if (!length(base)) first[] <- list("", "", "", NA_real_, NA_real_, NA_real_, NA_real_, NA_real_)
    chisq <- if (i > 1L) 2 * (fits[[i]]$loglik - fits[[i - 1L]]$loglik) else NA_real_
    df <- if (i > 1L) fits[[i]]$df - fits[[i - 1L]]$df else NA_real_
    change <- ends(1L, i)
    gain <- ends(2L, i)
    added <- ends(3L, i)
    cbind(step = names(steps)[[i]], covariates = toString(steps[[i]]), first,
          change = first$estimate - whole[[1L]]$tables$coefficients$estimate[[1L]],
          change_lower = change[[1L]], change_upper = change[[2L]], concordance = fits[[i]]$concordance,
          gain = fits[[i]]$concordance - fits[[1L]]$concordance, gain_lower = gain[[1L]], gain_upper = gain[[2L]],
          added = if (i > 1L) fits[[i]]$concordance - fits[[i - 1L]]$concordance else NA_real_,
          added_lower = added[[1L]], added_upper = added[[2L]],
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

frequencies <- c("log_subject", "log_object", "log_both")

# What a corpus says of a fact, a little more with each step; then one number made of it.
count_steps <- list(
  "without counts" = character(),
  "subject and object" = c("log_subject", "log_object"),
  "and both" = c(frequencies, "never_met")
)
measure_steps <- c(smi = "and SMI", mi = "and mutual information")
counted_columns <- c(count_steps[["and both"]], names(measure_steps))
