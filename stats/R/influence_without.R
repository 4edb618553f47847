# What becomes of a finding without the two facts that it rests on most, the model really fitted again without them: of
# the first covariate's hazard ratios (aspect `facts`: the two whose rows carry the coefficient furthest from 0), and of
# tests of proportional hazards with p < 0.05 (aspect `zph`: the two with the largest share of the score for a change
# with time). A row for each of the two, with the same numbers.
without_rows <- function(object, data, covariates, strata, cluster, ties, conf, terms, few = 2L) {
  fact <- as.character(data$fact_id)
  if (n_distinct(fact) <= 2L * few) return(NULL)
  rbind(without_ratio(object, data, fact, covariates, strata, cluster, ties, conf, terms, few),
        without_change(object, data, fact, covariates, strata, ties, terms, few))
}

without_ratio <- function(object, data, fact, covariates, strata, cluster, ties, conf, terms, few) {
  own <- which(terms$column == covariates[[1L]])
  estimate <- unname(stats::coef(object)[terms$coefficient])
  se <- unname(sqrt(diag(as.matrix(object$var)))[match(terms$coefficient, names(stats::coef(object)))])
  change <- rowsum(as.matrix(stats::residuals(object, "dfbeta")), fact)
  rows <- lapply(own, function(i) {
    towards <- change[, match(terms$coefficient[[i]], names(stats::coef(object)))] * sign(estimate[[i]])
    chosen <- names(utils::head(sort(towards, decreasing = TRUE), few))
    again <- refitted(take_rows(data, !fact %in% chosen), covariates, strata, cluster, ties, conf, terms)
    row <- again$tables$coefficients
    row <- row[row$term == terms$term[[i]] & is.finite(row$estimate), ]
    if (!NROW(row)) return(NULL)
    influence_row("facts", row$term, chosen, rep((estimate[[i]] - row$estimate) / se[[i]], few), row$hr, row$p,
                  row$lower, row$upper)
  })
  do.call(rbind, rows)
}

without_change <- function(object, data, fact, covariates, strata, ties, terms, few) {
  if (n_distinct(times_of_events(data)) < 2L) return(NULL)
  tests <- zph_tables(object, terms)$zph_tests
  failing <- intersect(tests$term[which(tests$p < 0.05)], terms$term[terms$column == terms$term])
  if (!length(failing)) return(NULL)
  residual <- as.matrix(stats::residuals(object, "schoenfeld"))
  # One for each event, in the order of strata and times, and of the data where these are the same.
  at <- order(if (length(strata)) object$strata else rep(1L, nrow(data)), data$stop, !as.logical(data$event))
  at <- at[as.logical(data$event)[at]]
  rows <- lapply(failing, function(term) {
    i <- match(terms$coefficient[match(term, terms$term)], names(stats::coef(object)))
    share <- rowsum(residual[, i] * (data$stop[at] - mean(data$stop[at])), fact[at])[, 1L]
    chosen <- names(utils::head(sort(share * sign(sum(share)), decreasing = TRUE), few))
    again <- refitted(take_rows(data, !fact %in% chosen), covariates, strata, "", ties, 0.95, terms)
    left <- if (!is.null(again)) captured(zph_tables(again$object, terms)$zph_tests)$value
    left <- left[left$term == term, ]
    if (!NROW(left)) return(NULL)
    influence_row("zph", term, chosen, rep(left$chisq, few), p = left$p)
  })
  do.call(rbind, rows)
}

# The model of the rows that are left; NULL where it has none.
refitted <- function(rest, covariates, strata, cluster, ties, conf, terms) {
  rest <- as_levels(rest, covariates)
  left <- estimable(rest, covariates)$covariates
  if (!setequal(left, covariates)) return(NULL)
  captured(cox_univariable(rest, covariates, strata, cluster, ties, conf, terms, counts_from = Inf))$value
}
