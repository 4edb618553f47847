#' How much the main hazard ratio depends on the choices of the analysis
#'
#' The same adjusted model of one event rule under each way of handling ties: Efron's and Breslow's approximations, and
#' the grouped-time (cloglog) model, which needs none. The fourth row, the discrete-time logistic model, answers another
#' question: its ratio is of odds within a period, which is what R's `ties = "exact"` gives, and lies further from 1 the
#' more events share a time. Run for every rule, the rows together show what the choice of the
#' rule does as well.
#'
#' @inheritParams cox
#' @return A list like that of [cox()], with the table `sensitivity`: the coefficients of the first covariate under
#'   each `method` (`logit`: an odds ratio in the column `hr`).
#' @references Cox (1972), JRSS B 34:187, section 6 (the discrete logistic model).
#' @examples
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' sensitivity(ready$data, ready$covariates, terms = ready$terms)$tables
#' @export
sensitivity <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                        terms = describe_terms(data, covariates)) {
  methods <- list(
    efron = function() cox_univariable(data, covariates, strata, cluster, "efron", conf, terms),
    breslow = function() cox_univariable(data, covariates, strata, cluster, "breslow", conf, terms),
    cloglog = function() cloglog(data, covariates, strata, cluster, conf = conf, terms = terms),
    logit = function() cloglog(data, covariates, strata, cluster, conf = conf, terms = terms, link = "logit")
  )
  fits <- lapply(methods, function(fit) captured(fit()))
  errors <- vapply(fits, `[[`, "", "error")
  if (all(nzchar(errors))) stop(errors[[1L]], call. = FALSE)
  main <- terms$term[terms$column == covariates[[1L]]]
  rows <- lapply(names(fits), function(method) {
    coefficients <- fits[[method]]$value$tables$coefficients
    if (is.null(coefficients)) return(NULL)
    columns <- c("term", "label", "unit", "estimate", "se", "hr", "lower", "upper", "infinite")
    own <- coefficients[coefficients$term %in% main, columns]
    data.frame(method = method, events = sum(data$event), own, doubt = paste(doubt_in(fits[[method]]), collapse = "; "))
  })
  told <- sprintf("no estimate by %s: %s", names(fits), errors)
  spared <- vapply(fits, function(fit) identical(fit$condition$status, "not needed"), TRUE)
  list(
    fit = list(formula = formula_text(cox_formula(covariates, strata)), ties = "efron, breslow, none (cloglog, logit)",
               engine = engine("survival")),
    tables = list(sensitivity = do.call(rbind, rows)),
    remarks = told[nzchar(errors) & !spared],
    notes = told[spared]
  )
}
