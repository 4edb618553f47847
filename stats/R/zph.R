#' Schoenfeld analysis of a Cox fit
#'
#' Tests whether a log hazard ratio drifts with time, gives the residuals to plot, and a smoothed curve with its band.
#' Time is untransformed by default (`transform = "identity"`): GLOBAL is then the score test of all products with time.
#' The tests use the model-based information also where the fit has robust
#' standard errors.
#'
#' @param object a `coxph` fit made with `x = TRUE`, without penalised terms, or a fit on counts.
#' @param terms see [describe_terms()]; with a column `block` (see [formula_design()]) the parts of a formula are tested
#'   as wholes: a spline basis or an interaction with all its coefficients.
#' @param conf confidence level of the band.
#' @param transform of time, as in `survival::cox.zph()`: `"identity"`, `"km"` (one minus the Kaplan-Meier curve),
#'   `"rank"` or `"log"`. The test is one of products with this function of time, and its power lies where that moves
#'   most; the curves are drawn in the study's own time all the same.
#' @return A list of `zph_tests` (one row per covariate, or part of the formula, and GLOBAL), `zph_points` and
#'   `zph_curves` (per coefficient), as in `docs/tables.md`. Of more than 10,000 events `zph_points` has 10,000, evenly
#'   spaced in time.
#' @references Grambsch and Therneau (1994), Biometrika 81:515.
#' @export
zph_tables <- function(object, terms, conf = 0.95, transform = "identity") {
  check_zph(transform)
  terms <- terms[match(names(stats::coef(object)), terms$coefficient), , drop = FALSE]
  parts <- if (is.null(terms$block)) term_names(terms$column) else shown_part(terms$block)
  object <- tested_as(object, parts)
  counts <- inherits(object, "cox_counts")
  if (transform == "log" && min(moments_of_fit(object)) <= 0) {
    stop("the logarithm of time needs events after 0", call. = FALSE)
  }
  if (counts) {
    joint <- single <- zph_of_counts(object, transform)
  } else {
    joint <- survival::cox.zph(object, transform = transform, terms = TRUE)
    single <- survival::cox.zph(object, transform = transform, terms = FALSE)
  }
  tests <- as.data.frame(joint$table)
  # GLOBAL must have as many df as there are tested coefficients; with penalised terms survival gets it wrong.
  stopifnot(tests$df[[nrow(tests)]] == sum(!is.na(stats::coef(object))))
  # What has no estimate is not tested.
  tested <- !is.na(stats::coef(object))
  term <- terms$term[tested]
  scale <- if (is.null(object$scale)) rep(1, length(term)) else object$scale[tested]
  points <- lapply(seq_along(term), function(i) {
    # A coefficient that does not vary in a stratum has no residual there (NA), which is not a residual of zero.
    own <- evenly(which(!is.na(single$y[, i])), points_shown)
    data.frame(term = rep(term[[i]], length(own)), time = single$time[own],
               residual = unname(single$y[own, i]) / scale[[i]])
  })
  curves <- lapply(seq_along(term), function(i) {
    curve <- zph_curve(single$x, single$y[, i] / scale[[i]], single$var[i, i] / scale[[i]]^2, conf)
    curve$time <- time_of(curve$time, single)
    data.frame(term = rep(term[[i]], nrow(curve)), curve)
  })
  list(
    zph_tests = data.frame(
      term = c(unique(parts[tested]), "GLOBAL"), chisq = tests$chisq, df = tests$df, p = tests$p,
      transform = transform
    ),
    zph_points = do.call(rbind, points),
    zph_curves = do.call(rbind, curves)
  )
}

# More points than these no figure shows: tests and curves are of all events, the table of points of so many of them.
points_shown <- 10000L

evenly <- function(x, most) if (length(x) > most) x[round(seq(1, length(x), length.out = most))] else x

moments_of_fit <- function(object) {
  if (inherits(object, "cox_counts")) return(object$fit$counts$times)
  y <- as.matrix(object$y)
  y[y[, ncol(y)] == 1, ncol(y) - 1L]
}

zph_transforms <- c("identity", "km", "rank", "log")

check_zph <- function(transform) {
  if (isTRUE(transform %in% zph_transforms)) return(invisible(transform))
  stop("zph = ", sQuote(paste(texts(transform), collapse = " "), FALSE), " is no transform of time; use one of ",
       toString(dQuote(zph_transforms, FALSE)), call. = FALSE)
}

# Which coefficients are tested together: `parts` has the name of the covariate or part of the formula of each. They
# get numbers for names, since survival leaves out what is called like one of its own terms, and covariates of an SD of
# 1 (`scale` is what they were divided by): it inverts the information as it is.
tested_as <- function(object, parts) {
  if (inherits(object, "cox_counts")) {
    object$fit$counts$column <- parts
    return(object)
  }
  standard <- standardised(object$x)
  object$x <- standard$x
  object$scale <- standard$scale
  object$coefficients <- stats::setNames(object$coefficients * standard$scale, seq_along(parts))
  object$var <- object$var * tcrossprod(standard$scale)
  object$assign <- split(seq_along(parts), factor(parts, unique(parts)))
  names(object$assign) <- seq_along(object$assign)
  object
}

# Natural spline through scaled Schoenfeld residuals, with the pointwise band of survival's plot method: the
# residuals' common variance times the spline's leverage. Fewer knots where there are few distinct times.
# (survminer 0.4.9 forgets that this variance is already that of one residual: its band is sqrt(events) too wide.)
zph_curve <- function(time, residual, variance, conf = 0.95, df = 4L, points = 40L) {
  kept <- !is.na(residual)
  df <- min(df, length(unique(time[kept])))
  if (df < 2L) return(data.frame(time = double(), fit = double(), lower = double(), upper = double()))
  grid <- seq(min(time), max(time), length.out = points)
  basis <- splines_basis(c(grid, time), df)
  at_grid <- basis[seq_len(points), , drop = FALSE]
  at_events <- basis[-seq_len(points), , drop = FALSE][kept, , drop = FALSE]
  decomposed <- qr(at_events)
  if (decomposed$rank < df) return(zph_curve(time, residual, variance, conf, df - 1L, points))
  fit <- drop(at_grid %*% qr.coef(decomposed, residual[kept]))
  inverse <- chol2inv(qr.R(decomposed))
  # qr() may pivot; at full rank it does not, and the leverage is in the basis' own order.
  half <- stats::qnorm(1 - (1 - conf) / 2) * sqrt(variance * rowSums((at_grid %*% inverse) * at_grid))
  data.frame(time = grid, fit = fit, lower = fit - half, upper = fit + half)
}

# One column is a straight line's slope: df 2 with an intercept is a line, which ns() builds as well.
splines_basis <- function(x, df) unclass(splines::ns(x, df = df, intercept = TRUE))

# Back from transformed time to the study's own axis.
time_of <- function(x, zph) {
  if (identical(zph$transform, "identity") || !length(x)) return(x)
  first <- !duplicated(zph$x)
  stats::approx(zph$x[first], zph$time[first], x, rule = 2L)$y
}
