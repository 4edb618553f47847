#' How much the hazard ratio of latent knowledge depends on how latent knowledge is defined
#'
#' The same adjusted Cox model with `latent` in other definitions: as drawn by the study (K seeded samples at its
#' temperature); without the noise of drawing, where at least one hit in K samples has a chance of one half or more, for
#' several K; the same at other temperatures, where the baseline was probed at them (columns `p0_at_<temperature>` of
#' the event table); and graded, as the log probability of the answer, per standard deviation.
#'
#' @inheritParams cox
#' @param samples numeric, the K to try.
#' @return A list like that of [cox()], with the table `latent_definitions`: `definition` is `drawn`, `half` (chance of
#'   a hit at least one half) or `graded`; `share` is that of the rows called latent. Status `not needed` where latent
#'   knowledge is no predictor, or nothing is known but the label.
#' @export
latent_definitions <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                               terms = describe_terms(data, covariates), samples = c(5, 20, 100)) {
  if (!"latent" %in% covariates) return(list(status = "not needed", reason = "latent knowledge is not a predictor"))
  defined <- definitions_of(data, samples)
  if (length(defined) == 1L) {
    return(list(status = "not needed", reason = "there are no probabilities (p0, logp0) to define it in another way"))
  }
  others <- setdiff(covariates, "latent")
  own <- function(values) {
    sds <- if (is.numeric(values)) c(latent = stats::sd(data$logp0)) else numeric()
    describe_terms(data.frame(latent = values), "latent", sds)
  }
  fits <- lapply(defined, function(one) {
    varies <- n_distinct(one$value) > 1L && !anyNA(one$value)
    if (!varies) return(list(error = "it does not vary", row = NULL))
    # The graded form of what is a covariate already would stand in the model twice.
    rest <- if (one$definition == "graded") setdiff(others, c("logp0", "p0")) else others
    changed <- data
    changed$latent <- one$value
    fit <- captured(cox_univariable(changed, c("latent", rest), strata, cluster, ties, conf,
                                    rbind(own(one$value), terms[terms$column %in% rest, ])))
    row <- fit$value$tables$coefficients[1L, ]
    if (!is.null(row)) row$doubt <- paste(doubt_in(fit), collapse = "; ")
    list(error = fit$error, row = row)
  })
  columns <- c("label", "unit", "estimate", "se", "hr", "lower", "upper", "p", "infinite", "doubt")
  rows <- Map(function(one, fit) {
    if (is.null(fit$row)) return(NULL)
    data.frame(definition = one$definition, samples = one$samples, temperature = one$temperature,
               share = if (one$definition == "graded") NA_real_ else mean(one$value == "TRUE"), term = "latent",
               events = sum(data$event), fit$row[columns])
  }, defined, fits)
  said <- vapply(fits, `[[`, "", "error")
  names <- vapply(defined, function(one) {
    sprintf("%s (K = %s, temperature %s)", one$definition, one$samples, one$temperature)
  }, "")
  list(
    fit = list(formula = formula_text(cox_formula(covariates, strata)), ties = ties, engine = engine("survival")),
    tables = list(latent_definitions = do.call(rbind, unname(rows))),
    notes = c(
      sprintf("no estimate for %s: %s", names, said)[nzchar(said)],
      sprintf("the graded form stands in the place of %s as well", toString(intersect(others, c("logp0", "p0"))))[
        any(c("logp0", "p0") %in% others) && is.numeric(data$logp0)
      ]
    )
  )
}

# Values of `latent` under each definition; NA for what the study's own samples and temperature are (in `study.json`).
definitions_of <- function(data, samples) {
  yes_no <- function(value) factor(value, c(FALSE, TRUE))
  one <- function(definition, samples, temperature, value) {
    list(definition = definition, samples = samples, temperature = temperature, value = value)
  }
  half <- function(p, temperature) {
    lapply(samples, function(k) one("half", k, temperature, yes_no(-expm1(k * log1p(-pmin(p, 1 - 1e-15))) >= 0.5)))
  }
  others <- grep("^p0_at_", names(data), value = TRUE)
  at <- lapply(others, function(column) half(data[[column]], as.numeric(sub("^p0_at_", "", column))))
  graded <- if (is.numeric(data$logp0)) {
    list(one("graded", NA, NA, (data$logp0 - mean(data$logp0)) / stats::sd(data$logp0)))
  }
  c(list(one("drawn", NA, NA, data$latent)), if (is.numeric(data$p0)) half(data$p0, NA), unlist(at, recursive = FALSE),
    graded)
}
