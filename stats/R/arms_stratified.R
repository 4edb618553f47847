#' Recipes as strata: do the predictors work in the same way whatever the recipe?
#'
#' The adjusted Cox model in which every recipe (arm) has a baseline hazard of its own instead of a hazard ratio:
#' nothing is assumed about how the recipes compare, and the predictors are compared within them. Beside it the test of
#' whether the first covariate's hazard ratio differs between recipes (Wald, all products at once).
#'
#' @inheritParams cox
#' @return A list like that of [cox()], with the tables `coefficients` and `tests` (`by` is `<covariate> x arm`).
#' @references Therneau and Grambsch (2000), Modeling Survival Data, 3.2 (strata and strata by covariate interactions).
#' @export
arms_stratified <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                            terms = describe_terms(data, covariates)) {
  rest <- setdiff(covariates, "arm")
  if (!"arm" %in% covariates) {
    return(list(status = "not needed", reason = "there is one arm, or it is determined by another covariate"))
  }
  if (!length(rest)) return(list(status = "not needed", reason = "there is no predictor beside the recipe"))
  result <- cox_univariable(data, rest, union(strata, "arm"), cluster, ties, conf,
                            terms[terms$column %in% rest, , drop = FALSE])
  test <- captured(product_test(data, rest, union(strata, "arm"), result$cluster, ties))
  result$tables$tests <- test$value
  result$remarks <- c(result$remarks, paste0("no test of the product with arm: ", test$error)[nzchar(test$error)])
  result
}

# Wald test of the products of the first covariate with the arms; robust where there is a cluster.
product_test <- function(data, covariates, strata, cluster, ties) {
  main <- covariates[[1L]]
  # A column for each level of the covariate but the first, in each arm but the first.
  part <- function(value) list(value = standardised(treatment_columns(value))$x, term = "", unit = "")
  products <- times(part(data[[main]]), part(factor(data$arm)))$value
  made <- fresh_names(data, paste0(".product", seq_len(ncol(products))))
  data[made] <- as.data.frame(products)
  object <- fit_cox(data, c(covariates, made), strata, cluster, ties)
  own <- match(quoted(made), names(stats::coef(object)))
  beta <- stats::coef(object)[own]
  keep <- is.finite(beta)
  chisq <- quadratic_form(as.matrix(object$var)[own[keep], own[keep], drop = FALSE], beta[keep])
  data.frame(by = paste(main, "x arm"), statistic = chisq, df = sum(keep),
             p = stats::pchisq(chisq, sum(keep), lower.tail = FALSE))
}
