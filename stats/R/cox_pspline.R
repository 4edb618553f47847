#' Cox model with penalised splines
#'
#' @inheritParams cox_model
#' @return A list like that of [cox()]: in `coefficients` the other covariates; in `term_tests` for each `pspline()` its
#'   straight line and what bends beyond it; in `effect_curves` the log hazard ratio against the covariate, relative to
#'   the mean of the rows; in `zph_tests` a `pspline()` with its fitted shape, as one covariate: does its strength
#'   change with time? (`cox.zph()` itself counts penalised degrees of freedom.) Standard errors are model-based: a
#'   penalised fit has no robust ones.
#' @references Eilers and Marx (1996), Statistical Science 11:89. Therneau and Grambsch (2000), Modeling Survival Data,
#'   5.5.
#' @export
cox_pspline <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95, terms,
                        parsed, frame = NULL, zph = "identity") {
  check_ties(ties)
  written <- vapply(parsed$psplines, one_line, "")
  values <- vapply(parsed$psplines, function(part) as.numeric(eval(part[[2L]], data, formula_environment())),
                   numeric(nrow(data)))
  if (any(!is.finite(values))) {
    stop("a pspline() has values that are not finite; log1p(), or pmax() inside it, may be meant", call. = FALSE)
  }
  numbers <- in_numbers(data, covariates, strata)
  columns <- paste0(".pspline", seq_along(written))
  rows <- data.frame(numbers$rows, `colnames<-`(standardised(values)$x, columns))
  right <- vapply(seq_along(written), function(i) {
    part <- parsed$psplines[[i]]
    part[[1L]] <- quote(pspline)
    part[[2L]] <- as.name(columns[[i]])
    one_line(part)
  }, "")
  parts <- c(numbers$x, right, "strata(.strata)"[length(strata) > 0L])
  formula <- stats::as.formula(paste("Surv(start, stop, event) ~", paste(parts, collapse = " + ")),
                               env = asNamespace("survival"))
  object <- survival::coxph(formula, rows, ties = ties, x = TRUE)
  plain <- seq_along(numbers$x)
  own <- function(value) stats::setNames(value[plain] / numbers$scale, numbers$coefficients)
  estimate <- own(stats::coef(object))
  coefficients <- coefficient_rows(terms, estimate, own(sqrt(diag(as.matrix(object$var)))), conf = conf)
  dependent <- nzchar(cluster_of(data, cluster)$cluster)
  df <- sum(object$df)
  loglik <- object$loglik[[2L]]
  shapes <- unname(as.matrix(stats::predict(object, type = "terms"))[, right, drop = FALSE])
  schoenfeld <- captured(zph_of_shapes(data, covariates, strata, ties, terms, estimate, shapes, written, zph))
  new_fit(
    object = object,
    fit = list(
      formula = written_formula(parsed, strata), ties = ties,
      iterations = object$iter[[length(object$iter)]], loglik = loglik, loglik_null = object$loglik[[1L]],
      df = df, aic = 2 * df - 2 * loglik,
      concordance = object$concordance[["concordance"]], concordance_se = object$concordance[["std"]],
      engine = engine("survival")
    ),
    tables = list(coefficients = coefficients, term_tests = pspline_tests(object, written),
                  effect_curves = pspline_curves(object, right, data, values, parsed, frame, conf),
                  zph_tests = schoenfeld$value),
    # A penalised spline counts for as many coefficients as it has effective degrees of freedom.
    doubt = c(doubts(data, terms, coefficients, events = Inf), few_events_remark(sum(data$event), ceiling(df))),
    remarks = c(
      paste0("no Schoenfeld test: ", schoenfeld$error)[nzchar(schoenfeld$error)],
      sprintf("the intervals take the rows as independent, although each %s has several", cluster)[dependent]
    ),
    notes = c("penalised fit: model-based standard errors; Schoenfeld tests of the splines' fitted shapes", sprintf(
      "%s: %.1f effective degrees of freedom", written, utils::tail(object$df, length(written))
    ))
  )
}

# The Schoenfeld tests of the model whose covariates are the plain ones and the fitted shapes (coefficient 1), all where
# the fit left them.
zph_of_shapes <- function(data, covariates, strata, ties, terms, estimate, shapes, written, zph) {
  names <- fresh_names(data, paste0(".shape", seq_along(written)))
  data[names] <- as.data.frame(shapes)
  object <- fit_cox(data, c(covariates, names), strata, "", ties, init = c(estimate, rep(1, length(names))),
                    control = survival::coxph.control(iter.max = 0L))
  shaped <- describe_terms(data, names)
  shaped$block <- written
  zph_tables(object, rbind(terms, shaped), transform = zph)$zph_tests
}

pspline_tests <- function(object, written) {
  # survival leaves these functions in the global environment, where they need the package to be attached.
  object$printfun <- lapply(object$printfun, `environment<-`, value = asNamespace("survival"))
  table <- summary(object)$coefficients
  line <- table[grepl(", linear$", rownames(table)), , drop = FALSE]
  bend <- table[grepl(", nonlin$", rownames(table)), , drop = FALSE]
  rows <- rbind(line, bend)
  data.frame(term = rep(written, 2L),
             test = rep(c("no trend", "nothing beyond a straight line"), each = length(written)),
             chisq = rows[, "Chisq"], df = rows[, "DF"], p = rows[, "p"], row.names = NULL)
}

pspline_curves <- function(object, right, data, values, parsed, frame, conf) {
  estimate <- stats::coef(object)
  rows <- lapply(seq_len(ncol(values)), function(i) {
    column <- all.vars(parsed$psplines[[i]][[2L]])
    axis <- if (length(column) == 1L) column else one_line(parsed$psplines[[i]][[2L]])
    value <- if (length(column) == 1L) unscaled(data, column, frame) else values[, i]
    chosen <- spread_over(value)
    own <- object$assign[[right[[i]]]]
    basis <- sweep(object$x[chosen, own, drop = FALSE], 2L, object$means[own])
    curve_frame(one_line(parsed$psplines[[i]]), axis, axis, value[chosen], drop(basis %*% estimate[own]), basis,
                as.matrix(object$var)[own, own], conf)
  })
  do.call(rbind, rows)
}
