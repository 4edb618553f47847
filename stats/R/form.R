#' Is the effect of a number a straight line on the log hazard?
#'
#' For every numeric covariate with more than five values: the martingale residuals of the model without it (they bend
#' as the true effect bends), the test of a penalised spline split into its linear and nonlinear part, and its fitted
#' curve. Where the nonlinear part has p < 0.05 the remedy is fitted beside the straight line: a natural spline of three
#' degrees of freedom and, of positive numbers, the logarithm; each with its AIC, the hazard ratio from the lower to the
#' upper quartile, and what becomes of the first covariate's hazard ratio.
#'
#' @inheritParams cox
#' @return A list like that of [cox()], with the tables `form_tests`, `form_points`, `form_curves` and `form_shapes` as
#'   in `docs/tables.md`; status `not needed` where no covariate is a number.
#' @references Therneau, Grambsch and Fleming (1990), Biometrika 77:147 (martingale residuals). Eilers and Marx (1996),
#'   Statistical Science 11:89, and Therneau and Grambsch (2000), Modeling Survival Data, 5.8.4 (penalised splines).
#' @examples
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' form_tables(ready$data, ready$covariates, terms = ready$terms)$tables$form_tests
#' @export
form_tables <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95,
                        terms = describe_terms(data, covariates)) {
  numeric <- Filter(function(column) is.numeric(data[[column]]) && n_distinct(data[[column]]) > 5L, covariates)
  if (!length(numeric)) return(list(status = "not needed", reason = "no predictor is a number with more than 5 values"))
  parts <- lapply(numeric, function(column) {
    captured(form_of(data, column, covariates, strata, cluster_of(data, cluster)$cluster, ties, conf, terms))
  })
  errors <- vapply(parts, `[[`, "", "error")
  if (all(nzchar(errors))) stop(parts[[1L]]$condition)
  tables <- c("form_tests", "form_points", "form_curves", "form_shapes")
  bound <- lapply(tables, function(name) do.call(rbind, lapply(parts, function(part) part$value[[name]])))
  list(
    fit = list(formula = formula_text(cox_formula(covariates, strata)), ties = ties, engine = engine("survival")),
    tables = stats::setNames(bound, tables),
    remarks = c(sprintf("no curve of %s: %s", numeric, errors)[nzchar(errors)],
                unlist(lapply(parts, function(part) part$value$remark))),
    notes = unlist(lapply(parts, `[[`, "warnings"))
  )
}

form_of <- function(data, column, covariates, strata, cluster, ties, conf, terms) {
  own <- terms[terms$column == column, ][1L, ]
  others <- setdiff(covariates, column)
  x <- data[[column]]
  units <- function(x) x * own$scale + own$centre
  null <- fit_cox(data, others, strata, "", ties)
  spline <- fit_pspline(data, x, others, strata, ties, held_at(null, terms[terms$column %in% others, ]), own$term)
  if (is.character(spline$object)) {
    no_estimate(sprintf("%s and these values of %s do not carry a curve of four degrees of freedom (coxph: %s)",
                        sprintf(ngettext(sum(data$event), "%d event", "%d events"), sum(data$event)), own$term,
                        spline$object))
  }
  tests <- form_spline_tests(spline$object, own$term)
  grid <- stats::quantile(x, seq(0, 1, length.out = 61L), names = FALSE, type = 1L)
  shapes <- if (isTRUE(tests$p[[2L]] < 0.05)) c("straight", "log", "spline") else "straight"
  tried <- lapply(stats::setNames(nm = shapes), function(shape) {
    captured(shape_of(data, x, shape, others, strata, cluster, ties, conf, units, unique(grid)))
  })
  if (nzchar(tried$straight$error)) stop(tried$straight$condition)
  unfitted <- vapply(tried, `[[`, "", "error")
  fits <- Filter(Negate(is.null), lapply(tried, `[[`, "value"))
  curves <- c(
    list(residuals = residual_smooth(x, stats::residuals(null, "martingale"), unique(grid), conf),
         pspline = pspline_curve(spline$object, x, conf)),
    lapply(fits, `[[`, "curve")
  )
  curves <- do.call(rbind, lapply(names(curves), function(shape) {
    data.frame(term = own$term, shape = shape, curves[[shape]])
  }))
  curves$value <- units(curves$value)
  main <- terms[terms$column == covariates[[1L]], ][1L, ]
  list(
    remark = c(spline$remark, sprintf("no %s of %s: %s", shapes, own$term, unfitted)[nzchar(unfitted)]),
    form_tests = tests,
    form_points = data.frame(term = own$term, residual_points(units(x), stats::residuals(null, "martingale"))),
    form_curves = curves,
    form_shapes = do.call(rbind, lapply(names(fits), function(shape) {
      data.frame(term = own$term, shape = shape, fits[[shape]]$row, main_of(fits[[shape]], main, column, conf))
    }))
  )
}

# Where the model without the number leaves those of its coefficients that run away; zero where it has none, missing for
# the others. coxph() steps to NaN when it looks for such a coefficient beside a penalised one, and a likelihood that is
# flat in it tells nothing of the curve.
held_at <- function(null, terms) {
  estimate <- unname(stats::coef(null))
  if (!length(estimate)) return(numeric())
  se <- sqrt(diag(as.matrix(null$var)))
  ifelse(is.na(estimate), 0, ifelse(is_infinite(estimate, se, terms$range, terms$spread), estimate, NA))
}

# The knots of pspline() are equally spaced. Of a number with a long tail most lie where nobody is, and coxph() stops at
# NaN; then they span the middle 90 % of the values, and the curve goes on straight on both sides.
fit_pspline <- function(data, x, others, strata, ties, held, name) {
  numbers <- in_numbers(data, others, strata)
  numbers$rows$.own <- drop(standardised(cbind(x))$x)
  fixed <- !is.na(held)
  numbers$rows$.held <- drop(as.matrix(numbers$rows[numbers$x[fixed]]) %*% (held * numbers$scale)[fixed])
  fit_between <- function(ends) {
    formula <- stats::update(
      cox_formula(numbers$x[!fixed], numbers$strata),
      . ~ . + offset(.held) + pspline(.own, df = 4, Boundary.knots = ends)
    )
    environment(formula) <- environment()
    tryCatch(survival::coxph(formula, numbers$rows, ties = ties, model = TRUE), error = conditionMessage)
  }
  whole <- fit_between(range(numbers$rows$.own))
  if (!is.character(whole)) return(list(object = whole))
  list(
    object = fit_between(stats::quantile(numbers$rows$.own, c(0.05, 0.95), names = FALSE, type = 1L)),
    remark = sprintf("the curve of %s bends between its 5th and 95th percentile only: its tails are long", name)
  )
}

# survival's Wald tests: of the slope over equally spaced coefficients, and of what is left.
form_spline_tests <- function(object, term) {
  # pspline() leaves its printing function in the global environment, where survival need not be attached.
  object$printfun <- lapply(object$printfun, function(own) {
    if (is.function(own)) environment(own) <- asNamespace("survival")
    own
  })
  rows <- summary(object)$coefficients
  rows <- rows[grep("^pspline", rownames(rows)), , drop = FALSE]
  data.frame(term = term, part = c("linear", "nonlinear"), chisq = unname(rows[, "Chisq"]), df = unname(rows[, "DF"]),
             p = unname(rows[, "p"]))
}

# The fitted curve, its value at the median taken off; the band is that of survival's termplot().
pspline_curve <- function(object, x, conf) {
  found <- stats::predict(object, type = "terms", se.fit = TRUE)
  column <- grep("^pspline", colnames(found$fit))
  first <- which(!duplicated(x))
  first <- first[order(x[first])]
  if (length(first) > 100L) first <- first[round(seq(1, length(first), length.out = 100L))]
  fit <- found$fit[first, column]
  fit <- fit - stats::approx(x[first], fit, stats::median(x), rule = 2L)$y
  half <- stats::qnorm(1 - (1 - conf) / 2) * found$se.fit[first, column]
  data.frame(value = x[first], fit = unname(fit), lower = unname(fit - half), upper = unname(fit + half))
}

# A Cox model with the covariate in this shape: its curve on `grid`, and one row of what it says.
shape_of <- function(data, x, shape, others, strata, cluster, ties, conf, units, grid) {
  if (shape == "log" && min(units(x)) <= 0) return(NULL)
  basis <- switch(
    shape,
    straight = function(at) matrix(at),
    log = function(at) matrix(log(units(at))),
    spline = local({
      knots <- splines::ns(x, df = 3L)
      function(at) unclass(stats::predict(knots, at))
    })
  )
  design <- basis(x)
  made <- fresh_names(data, paste0(".shape", seq_len(ncol(design))))
  data[made] <- as.data.frame(design)
  object <- fit_cox(data, c(others, made), strata, cluster, ties)
  own <- quoted(made)
  beta <- stats::coef(object)[own]
  vcov <- as.matrix(object$var)
  vcov <- vcov[match(own, names(stats::coef(object))), match(own, names(stats::coef(object))), drop = FALSE]
  z <- stats::qnorm(1 - (1 - conf) / 2)
  contrast <- function(to, from) {
    difference <- basis(to) - basis(from)[rep(1L, length(to)), , drop = FALSE]
    fit <- drop(difference %*% beta)
    half <- z * sqrt(rowSums((difference %*% vcov) * difference))
    data.frame(fit = fit, lower = fit - half, upper = fit + half)
  }
  ends <- stats::quantile(x, c(0.25, 0.75), names = FALSE, type = 1L)
  quartiles <- exp(contrast(ends[[2L]], ends[[1L]]))
  loglik <- object$loglik[[length(object$loglik)]]
  df <- sum(!is.na(stats::coef(object)))
  list(
    object = object, own = own,
    curve = data.frame(value = grid, contrast(grid, stats::median(x))),
    row = data.frame(df = df, loglik = loglik, aic = 2 * df - 2 * loglik, from = units(ends[[1L]]),
                     to = units(ends[[2L]]), hr = quartiles$fit, lower = quartiles$lower, upper = quartiles$upper)
  )
}

# What the first covariate's hazard ratio is in that model; missing where it is the covariate itself.
main_of <- function(fit, main, column, conf) {
  missing <- data.frame(main = NA_character_, main_hr = NA_real_, main_lower = NA_real_, main_upper = NA_real_)
  if (main$column == column) return(missing)
  object <- fit$object
  names <- names(stats::coef(object))
  errors <- stats::setNames(sqrt(diag(as.matrix(object$var))), names)
  row <- coefficient_rows(main, stats::coef(object), errors, conf = conf)
  data.frame(main = row$term, main_hr = row$hr, main_lower = row$lower, main_upper = row$upper)
}

# Martingale residuals smoothed by a natural spline of four degrees of freedom, with its least squares band.
residual_smooth <- function(x, residual, grid, conf) {
  basis <- sprintf("splines::ns(x, df = %d)", min(4L, n_distinct(x) - 1L))
  smooth <- stats::lm(stats::reformulate(basis, "residual"))
  found <- stats::predict(smooth, data.frame(x = grid), interval = "confidence", level = conf)
  data.frame(value = grid, fit = found[, "fit"], lower = found[, "lwr"], upper = found[, "upr"], row.names = NULL)
}

# One point a row, or of many rows the means of groups of neighbours.
residual_points <- function(x, residual, most = 400L) {
  if (length(x) <= most) return(data.frame(value = x, residual = unname(residual), rows = 1L))
  group <- ceiling(rank(x, ties.method = "first") / length(x) * 100)
  data.frame(value = as.vector(tapply(x, group, mean)), residual = as.vector(tapply(residual, group, mean)),
             rows = as.vector(table(group)))
}
