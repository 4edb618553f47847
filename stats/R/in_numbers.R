# What R's model functions get in the place of a user's columns. Formulas paste names and levels together (`site` of
# level 12 and `site1` of level 2 are both "site12"), some names mean something to them ("(weights)", "frailty(x)"), and
# an information matrix in raw units can be singular to the machine. So every covariate becomes a column of numbers for
# each of its coefficients, in the order of describe_terms(), centred and with a standard deviation of 1, and every name
# in the formula is ours. in_own_units() takes the result back.
#
# A list: `rows` (start, stop, event and the columns of the formula), `x`, `strata`, `cluster`, `random` (their names in
# it), `coefficients` (the names of describe_terms()), `centre` and `scale` (value * scale + centre is the user's),
# `groupings` (the user's names of `random`), `covariate` (of each coefficient).
in_numbers <- function(data, covariates, strata = character(), cluster = "", random = character()) {
  x <- design_matrix(data, covariates)
  coefficients <- colnames(x)
  standard <- standardised(x)
  colnames(standard$x) <- paste0(".x", seq_along(coefficients), recycle0 = TRUE)
  rows <- data.frame(data[intersect(c("start", "stop", "event"), names(data))], standard$x)
  if (length(strata)) rows$.strata <- row_patterns(data, strata)
  if (nzchar(cluster)) rows$.cluster <- match(data[[cluster]], unique(data[[cluster]]))
  names <- paste0(".random", seq_along(random), recycle0 = TRUE)
  rows[names] <- data[random]
  list(
    rows = rows, x = colnames(standard$x), strata = ".strata"[length(strata) > 0L],
    cluster = if (nzchar(cluster)) ".cluster" else "", random = names, coefficients = coefficients,
    centre = standard$centre, scale = standard$scale, groupings = random,
    covariate = rep(covariates, vapply(covariates, function(name) length(coefficient_names(data[[name]], name)), 0L))
  )
}

# Covariates as numbers, one column a coefficient, with its name: treatment contrasts of factors.
design_matrix <- function(data, covariates) {
  if (!length(covariates)) return(matrix(0, nrow(data), 0L))
  x <- do.call(cbind, lapply(covariates, function(column) treatment_columns(data[[column]])))
  dimnames(x) <- list(NULL, unlist(lapply(covariates, function(column) coefficient_names(data[[column]], column))))
  x
}

treatment_columns <- function(value) {
  if (is.character(value)) value <- factor(value)
  if (is.factor(value)) return(outer(bare_codes(value), seq_len(nlevels(value))[-1L], `==`) + 0)
  as.matrix(value + 0)
}

# A constant column stays at zero: what rounding leaves of it is no variation.
standardised <- function(x) {
  rows <- max(nrow(x), 1L)
  centre <- scale <- colMeans(x)
  # Column by column: of millions of rows a copy of all of them is gigabytes.
  for (j in seq_len(ncol(x))) {
    column <- x[, j]
    constant <- !any(column != column[1L])
    column <- if (constant) 0 else column - centre[[j]]
    scale[[j]] <- if (constant) 1 else sqrt(sum(column^2) / max(rows - 1L, 1L))
    x[, j] <- column / scale[[j]]
  }
  list(x = x, centre = centre, scale = scale)
}

# A fit of those columns as one of the user's: names, coefficients, variances, and the covariates of its residuals.
# What stands behind the coefficients (dense frailties) stays as it is.
in_own_units <- function(object, numbers) {
  own <- seq_along(numbers$coefficients)
  scale <- c(numbers$scale, rep(1, max(0L, length(object$coefficients) - length(own))))
  object$coefficients <- object$coefficients / scale
  names(object$coefficients)[own] <- numbers$coefficients
  for (name in intersect(c("var", "naive.var"), names(object))) {
    size <- scale[seq_len(nrow(as.matrix(object[[name]])))]
    object[[name]] <- object[[name]] / tcrossprod(size)
  }
  if (!is.null(object$assign)) object$assign <- split(own, factor(numbers$covariate, unique(numbers$covariate)))
  if (!is.null(object[["x"]])) { # by its whole name: `xlevels` begins alike
    object$x <- object$x * rep(numbers$scale, each = nrow(object$x))
    colnames(object$x) <- numbers$coefficients
    object$means <- object$means * numbers$scale
  }
  object
}

# Names for new columns of `data` that no column has yet.
fresh_names <- function(data, wanted) utils::tail(make.unique(c(names(data), wanted)), length(wanted))

# v' M^-1 v of a variance or information matrix, whatever the units of its rows.
quadratic_form <- function(matrix, v) {
  size <- sqrt(diag(as.matrix(matrix)))
  drop((v / size) %*% solve(matrix / tcrossprod(size), v / size))
}
