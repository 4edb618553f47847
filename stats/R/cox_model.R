#' The kind `cox`
#'
#' The Cox model of [cox()], and what an entry may ask beyond it: exact ties ([cox_exact()]), coefficients that change
#' with time ([cox_time_varying()]), penalised splines ([cox_pspline()]). Parts of the formula with several coefficients
#' get a joint Wald test, spline bases and polynomials their curve, and the product of a factor and a number (or a basis
#' of one) the hazard ratio of each level over the number's values.
#'
#' @inheritParams cox
#' @param parsed,frame see [parse_formula()], [formula_design()].
#' @param time_varying character, parts of the formula; with `split` (times) or `tt` (`"log"`, `"linear"`).
#' @param split,tt see [cox_time_varying()].
#' @param without character, parts of the formula: what do the other hazard ratios become as these join the model? See
#'   [cox_without()].
#' @return A list like that of [cox()], with the tables `term_tests`, `effect_curves` and `mediation` where there are
#'   any.
#' @export
cox_model <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95, terms,
                      parsed = NULL, frame = NULL, time_varying = character(), split = numeric(), tt = "",
                      zph = "identity", without = character()) {
  if (ties == "exact") return(cox_exact(data, covariates, strata, cluster, conf, terms))
  if (length(parsed$psplines)) {
    return(cox_pspline(data, covariates, strata, cluster, ties, conf, terms, parsed, frame, zph))
  }
  if (length(time_varying)) {
    split <- as.numeric(unlist(split))
    result <- cox_time_varying(data, covariates, strata, cluster, ties, conf, terms, texts(time_varying), split, tt)
    result$fit$formula <- paste0(written_formula(parsed, strata, result$cluster), result$fit$formula)
    return(result)
  }
  result <- cox(data, covariates, strata, cluster, ties, conf, terms, zph = zph)
  finite <- terms[!terms$term %in% result$tables$coefficients$term[result$tables$coefficients$infinite], ]
  result$tables$term_tests <- joint_tests(result$object, finite)
  result$tables$effect_curves <- rbind(
    basis_curves(result$object, data, finite, frame, conf), interaction_curves(result$object, data, finite, frame, conf)
  )
  if (length(without)) {
    result$tables$mediation <- cox_without(data, covariates, texts(without), strata, cluster, ties, conf, terms)
  }
  result
}

check_cox <- function(model) {
  asked <- texts(model$time_varying)
  without <- texts(model$without)
  ways <- c(length(model$split) > 0L, length(model$tt) > 0L)
  right <- model$parsed$right
  parts <- if (is.null(right)) character() else plain_term(labels(stats::terms(eval(call("~", right)))))
  named <- list(time_varying = asked, without = without)
  for (key in names(named)) {
    absent <- setdiff(named[[key]], parts)
    if (!length(absent)) next
    nearest <- if (length(parts)) sprintf("; the nearest is '%s'", nearest(absent[[1L]], parts)) else ""
    return(stats::setNames(sprintf("'%s' is no part of the formula%s", absent[[1L]], nearest), key))
  }
  if (length(without) && !length(setdiff(parts, without))) {
    return(c(without = "leaves no part of the formula whose hazard ratio could change"))
  }
  if (length(asked) && sum(ways) != 1L) {
    return(c(time_varying = "needs either split = [times] or tt = \"log\" (or \"linear\")"))
  }
  if (!length(asked) && any(ways)) return(c(time_varying = "split and tt need time_varying = [parts of the formula]"))
  special <- c(model$ties == "exact", length(model$parsed$psplines) > 0L, length(asked) > 0L)
  if (sum(special) > 1L) {
    return(c(formula = "exact ties, pspline() and time_varying do not go together: make a model of each"))
  }
  if (length(without) && any(special)) {
    return(c(without = "does not go with exact ties, pspline() or time_varying: make a model of its own"))
  }
  character()
}

# Wald tests of all coefficients of one part of the formula, with the variance that the intervals use.
joint_tests <- function(object, terms) {
  estimate <- stats::coef(object)
  variance <- as.matrix(object$var)
  rows <- lapply(unique(terms$block), function(block) {
    at <- match(terms$coefficient[terms$block == block], names(estimate))
    if (length(at) < 2L || anyNA(estimate[at])) return(NULL)
    chisq <- quadratic_form(variance[at, at], estimate[at])
    wald_row(block, "no effect at all", chisq, length(at))
  })
  do.call(rbind, rows)
}

wald_row <- function(term, test, chisq, df) {
  data.frame(term = shown_part(term), test = test, chisq = chisq, df = df,
             p = stats::pchisq(chisq, df, lower.tail = FALSE))
}

# Bases of one variable (ns(), bs(), poly()) as a curve over its values, relative to the mean of the rows.
basis_curves <- function(object, data, terms, frame, conf) {
  blocks <- unique(terms$block[grepl("^part [0-9]+ of the curve$", terms$unit)])
  estimate <- stats::coef(object)
  rows <- lapply(blocks, function(block) {
    own <- terms[terms$block == block, ]
    written <- attr(frame$terms, "term.labels")
    column <- all.vars(str2lang(written[match(block, plain_term(written))]))
    # In an interaction there is a curve for every value of the other variable.
    if (length(column) != 1L || sum(grepl(block, unique(terms$block), fixed = TRUE)) > 1L) return(NULL)
    at <- match(own$coefficient, names(estimate))
    basis <- as.matrix(data[own$column])
    basis_curve(block, column, unscaled(data, column, frame), sweep(basis, 2L, colMeans(basis)), estimate[at],
               as.matrix(object$var)[at, at], conf)
  })
  do.call(rbind, rows)
}

# A column's own values, also where the formula standardised it.
unscaled <- function(data, column, frame) {
  value <- data[[column]]
  variable <- quoted(column)
  if (variable %in% names(frame$sds)) value * frame$sds[[variable]] + frame$means[[variable]] else value
}

# A curve of log hazard ratios over at most 60 of the values that occur.
basis_curve <- function(term, label, value, basis, estimate, variance, conf, axis = label, most = 60L) {
  chosen <- spread_over(value, most)
  basis <- unclass(basis)[chosen, , drop = FALSE]
  curve_frame(term, label, axis, value[chosen], drop(basis %*% estimate), basis, variance, conf)
}

# Rows with at most `most` of the values that occur, from the smallest to the largest.
spread_over <- function(value, most = 60L) {
  chosen <- order(value)
  chosen <- chosen[!duplicated(value[chosen])]
  chosen[unique(round(seq(1, length(chosen), length.out = min(most, length(chosen)))))]
}
