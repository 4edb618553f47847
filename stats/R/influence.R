#' What a Cox model hangs on: facts, runs, outliers, collinearity, overdispersion
#'
#' All in the unit that matters. A fact's influence is the sum over its rows of the approximate change of a coefficient
#' when they are left out, in standard errors of that coefficient; for a run the model is fitted again without it.
#' Outliers are facts with the largest deviance residuals, summed martingale residuals of all their rows made
#' symmetric: above 0 the event came earlier than the model expects. Collinearity is the generalised variance inflation
#' factor per degree of freedom. Overdispersion is how much wider a coefficient's error is when the rows of a cluster
#' (a fact in several runs) may go together.
#'
#' @inheritParams cox
#' @param most how many facts to keep per coefficient, and how many outliers.
#' @return A list like that of [cox()], with the table `influence`: `aspect` is `fact`, `run`, `outlier`,
#'   `collinearity`, `overdispersion`, or `facts` and `zph`: without the two facts that the first covariate's ratio, or
#'   its change with time, rests on most, the model fitted again.
#' @references Therneau and Grambsch (2000), Modeling Survival Data, 4 and 7. Fox and Monette (1992), JASA 87:178.
#'   Lin and Wei (1989), JASA 84:1074 (robust errors).
#' @examples
#' learned <- simulate_learning(facts = 60, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' names(influence_tables(ready$data, ready$covariates, terms = ready$terms)$tables)
#' @export
influence_tables <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                             terms = describe_terms(data, covariates), most = 5L) {
  plain <- cox_univariable(data, covariates, strata, "", ties, conf, terms, counts_from = Inf)
  infinite <- unique(terms$column[plain$tables$coefficients$infinite])
  finite <- setdiff(covariates, infinite)
  if (!length(finite)) return(list(status = "not estimable", reason = "no covariate has a finite estimate"))
  terms <- terms[terms$column %in% finite, , drop = FALSE]
  object <- if (length(infinite)) fit_cox(data, finite, strata, "", ties) else plain$object
  runs <- run_rows(object, data, finite, strata, cluster, ties, conf, terms)
  list(
    object = object,
    fit = list(formula = formula_text(cox_formula(finite, strata)), ties = ties, engine = engine("survival")),
    tables = list(influence = do.call(rbind, list(
      dfbeta_rows(object, data$fact_id, terms, "fact", most), runs, outlier_rows(object, data$fact_id, most),
      collinearity_rows(object, terms), dispersion_rows(data, finite, strata, cluster, ties, terms),
      without_rows(object, data, finite, strata, cluster, ties, conf, terms)
    ))),
    doubt = plain$doubt, notes = paste("without", toString(infinite))[length(infinite) > 0L]
  )
}

influence_row <- function(aspect, term, unit, value, hr_without = NA_real_, p = NA_real_, lower = NA_real_,
                          upper = NA_real_) {
  count <- length(value)
  data.frame(aspect = rep(aspect, count), term = rep_len(term, count), unit = rep_len(as.character(unit), count),
             value = value, hr_without = rep_len(hr_without, count),
             lower = rep_len(lower, count), upper = rep_len(upper, count),
             p = rep_len(p, count), rank = seq_len(count))
}

# The units that move each coefficient most, in its standard errors; and the hazard ratio without them.
dfbeta_rows <- function(object, unit, terms, aspect, most) {
  unit <- as.character(unit)
  # coxph()'s residuals come in the order of the data; summed over a unit they are the change when all its rows go.
  change <- rowsum(as.matrix(stats::residuals(object, "dfbeta")), unit)
  se <- sqrt(diag(as.matrix(object$var)))
  rows <- lapply(seq_along(stats::coef(object)), function(i) {
    first <- utils::head(order(-abs(change[, i])), most)
    term <- terms$term[match(names(stats::coef(object))[[i]], terms$coefficient)]
    # dfbeta is the estimate with the unit minus that without it.
    influence_row(aspect, term, rownames(change)[first], unname(change[first, i]) / se[[i]],
                  unname(exp(stats::coef(object)[[i]] - change[first, i])))
  })
  do.call(rbind, rows)
}

# The model really fitted again without each run. More than 30 of them would take long: then by dfbeta as for facts. A
# coefficient that cannot be estimated without a run (an arm's only one) has no row for it.
run_rows <- function(object, data, covariates, strata, cluster, ties, conf, terms, most = 30L) {
  run <- as.character(data$run)
  runs <- unique(run)
  if (length(runs) < 2L) return(NULL)
  if (length(runs) > most) return(dfbeta_rows(object, data$run, terms, "run", most))
  se <- sqrt(diag(as.matrix(object$var)))
  names(se) <- names(stats::coef(object))
  rows <- lapply(runs, function(left_out) {
    rest <- as_levels(take_rows(data, run != left_out), covariates)
    left <- estimable(rest, covariates)$covariates
    if (!length(left)) return(NULL)
    fit <- captured(cox_univariable(rest, left, strata, cluster, ties, conf, terms[terms$column %in% left, ]))
    own <- fit$value$tables$coefficients
    own <- own[is.finite(own$estimate), ]
    if (is.null(own) || !nrow(own)) return(NULL)
    coefficient <- terms$coefficient[match(own$term, terms$term)]
    influence_row("run", own$term, left_out, unname(stats::coef(object)[coefficient] - own$estimate) / se[coefficient],
                  own$hr, lower = own$lower, upper = own$upper)
  })
  rows <- do.call(rbind, rows)
  if (is.null(rows)) return(NULL)
  rows$rank <- as.integer(stats::ave(-abs(rows$value), rows$term, FUN = function(v) rank(v, ties.method = "first")))
  rows[order(match(rows$term, terms$term), rows$rank), ]
}

outlier_rows <- function(object, fact, most) {
  fact <- as.character(fact)
  martingale <- rowsum(stats::residuals(object, "martingale"), fact)[, 1L]
  events <- rowsum(as.numeric(object$y[, "status"]), fact)[, 1L]
  expected <- events - martingale
  # Poisson deviance; residuals(collapse =) of survival forgets the number of events where it is more than one.
  deviance <- sign(martingale) *
    sqrt(-2 * (martingale + ifelse(events > 0, events * log(expected / events), 0)))
  first <- utils::head(order(-abs(deviance)), most)
  influence_row("outlier", "", names(martingale)[first], unname(deviance[first]))
}

# Generalised variance inflation of a covariate's coefficients, to the power 1/df: for one coefficient the usual VIF.
collinearity_rows <- function(object, terms) {
  columns <- unique(terms$column)
  if (length(columns) < 2L) return(NULL)
  correlation <- stats::cov2cor(as.matrix(object$var))
  of <- terms$column[match(names(stats::coef(object)), terms$coefficient)]
  determinant <- function(chosen) det(correlation[chosen, chosen, drop = FALSE])
  rows <- lapply(columns, function(column) {
    own <- of == column
    factor <- determinant(own) * determinant(!own) / det(correlation)
    influence_row("collinearity", term_names(column), "", factor^(1 / sum(own)))
  })
  do.call(rbind, rows)
}

# Robust over model-based standard error: 1 where the rows of a cluster are as good as independent.
dispersion_rows <- function(data, covariates, strata, cluster, ties, terms) {
  cluster <- cluster_of(data, cluster)$cluster
  if (!nzchar(cluster)) return(NULL)
  object <- fit_cox(data, covariates, strata, cluster, ties)
  ratio <- sqrt(diag(as.matrix(object$var)) / diag(as.matrix(object$naive.var)))
  rows <- influence_row("overdispersion", terms$term[match(names(stats::coef(object)), terms$coefficient)], cluster,
                        unname(ratio))
  rows[is.finite(rows$value), ]
}
