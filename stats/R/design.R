#' The columns that a parsed formula makes
#'
#' A variable with one value a row (a column, `log1p(x)`, `cut(x, 3)`, `I(x > 2)`) becomes one column of that name, a
#' basis (`ns()`, `bs()`, `poly()`) a column for each of its parts, and an interaction a column for each product, so
#' that every fit function takes them as it takes plain columns. Numeric variables are standardised, not their products.
#'
#' @param parsed see [parse_formula()].
#' @param data data.frame as from [rows_at_risk()].
#' @param standardise divide numeric variables by their standard deviation, after subtracting their mean?
#' @return A list: `data` (with the new columns), `covariates` (their names), `terms` (see [describe_terms()]; `block`
#'   is the part of the formula that a coefficient belongs to), `frame` (the variables' terms object, their means and
#'   standard deviations, to evaluate them again), `remarks`.
#' @export
formula_design <- function(parsed, data, standardise = FALSE) {
  nothing <- list(data = data, covariates = character(), terms = describe_terms(data, character()), frame = NULL,
                  remarks = character())
  nothing$terms$block <- character()
  if (is.null(parsed$right)) return(nothing)
  formula <- eval(call("~", parsed$right))
  environment(formula) <- formula_environment()
  frame <- stats::model.frame(formula, data, na.action = stats::na.pass)
  # As the terms object calls them: a column `log(x)` and the logarithm of x are two variables.
  names(frame) <- vapply(as.list(attr(stats::terms(frame), "variables"))[-1L], one_line, "")
  check_finite(frame)
  frame <- as_levels(frame, names(frame))
  varying <- varying_terms(stats::terms(frame), frame)
  if (!length(varying$labels)) return(utils::modifyList(nothing, varying["remarks"]))
  check_width(frame, stats::terms(frame), varying$labels)
  scaled <- scale_variables(frame, standardise, same_rows(data[c("run", "fact_id")]))
  made <- lapply(varying$labels, design_block, terms = stats::terms(frame), frame = scaled$frame, sds = scaled$sds,
                 means = scaled$means)
  made <- own_columns(made, names(data))
  columns <- do.call(cbind, lapply(made, `[[`, "data"))
  chosen <- estimable(columns, names(columns))
  data[names(columns)] <- columns
  terms <- do.call(rbind, lapply(made, `[[`, "terms"))
  terms$term <- make.unique(terms$term, " #")
  list(
    data = data, covariates = chosen$covariates,
    terms = terms[terms$column %in% chosen$covariates, , drop = FALSE],
    frame = list(terms = stats::terms(frame), means = scaled$means, sds = scaled$sds),
    remarks = c(varying$remarks, chosen$remarks)
  )
}

# What a part of the formula makes takes no name that a column of the data, or another part, has already: `a:b` may be
# a product or a column. A column that stands in the formula by itself keeps its own.
own_columns <- function(made, taken) {
  for (i in seq_along(made)) {
    if (made[[i]]$own) next
    names <- utils::tail(make.unique(c(taken, names(made[[i]]$data))), length(made[[i]]$data))
    made[[i]]$terms$coefficient <- renamed_coefficients(made[[i]]$terms, names, names(made[[i]]$data))
    made[[i]]$terms$column <- names[match(made[[i]]$terms$column, names(made[[i]]$data))]
    names(made[[i]]$data) <- names
    taken <- c(taken, names)
  }
  made
}

renamed_coefficients <- function(terms, names, before) {
  behind <- substring(terms$coefficient, nchar(quoted(terms$column)) + 1L)
  paste0(quoted(names[match(terms$column, before)]), behind)
}

# The logarithm of zero is no missing value: it is a formula that does not fit the column.
check_finite <- function(frame) {
  for (name in names(frame)) {
    if (!is.numeric(frame[[name]])) next
    wrong <- which(rowSums(!is.finite(as.matrix(frame[[name]]))) > 0L)
    if (length(wrong)) {
      stop(sprintf("%s has no finite value in %d of %d rows; log1p(), or pmax() inside it, may be what is meant", name,
                   length(wrong), nrow(frame)), call. = FALSE)
    }
  }
}

# A product of bases, or a factor of thousands of levels, is more than any number of events can tell, and than memory.
check_width <- function(frame, terms, labels, most = 500) {
  widths <- vapply(frame, function(value) if (is.factor(value)) nlevels(value) else NCOL(value), 0L)
  factors <- attr(terms, "factors")[, labels, drop = FALSE] > 0
  columns <- sum(apply(factors, 2L, function(used) prod(widths[rownames(factors)][used])))
  if (columns > most) {
    stop(sprintf("the formula makes about %.0f coefficients, more than %d: leave out products or levels", columns,
                 most),
         call. = FALSE)
  }
}

# Terms whose variables all vary among the rows.
varying_terms <- function(terms, frame) {
  constant <- names(frame)[vapply(frame, function(value) !is.matrix(value) && n_distinct(value) < 2L, TRUE)]
  factors <- attr(terms, "factors")
  hit <- colSums(factors[rownames(factors) %in% constant, , drop = FALSE] > 0) > 0
  said <- vapply(constant, function(name) {
    sprintf("%s is left out: it is constant (%s)", plain_term(name), format(frame[[name]][[1L]]))
  }, "")
  list(labels = colnames(factors)[!hit], remarks = unname(said))
}

scale_variables <- function(frame, standardise, spell) {
  single <- vapply(frame, function(value) is.numeric(value) && (!is.matrix(value) || ncol(value) == 1L), TRUE)
  means <- sds <- numeric()
  for (name in names(frame)[single]) {
    value <- as.numeric(frame[[name]])
    basis <- of_spells(value, spell)
    own <- stats::sd(basis)
    if (standardise && own > 0) {
      means[[name]] <- mean(basis)
      sds[[name]] <- own
      value <- (value - means[[name]]) / own
    }
    frame[[name]] <- value
  }
  list(frame = frame, means = means, sds = sds)
}

# Columns and descriptions of one term of the formula.
design_block <- function(label, terms, frame, sds, means) {
  factors <- attr(terms, "factors")
  coding <- stats::setNames(factors[, label], rownames(factors)) # R drops the names of a single variable
  coding <- coding[coding > 0]
  plain <- length(coding) == 1L && coding == 1 && !is.matrix(frame[[names(coding)]])
  name <- plain_term(label)
  if (plain) {
    symbol <- is.symbol(str2lang(label))
    if (symbol) name <- as.character(str2lang(label))
    data <- stats::setNames(data.frame(frame[[names(coding)]]), name)
    own <- function(values) stats::setNames(values[names(values) == names(coding)], rep(name, label %in% names(values)))
    terms <- describe_terms(data, name, own(sds), own(means))
    if (!symbol) terms$term <- sub(term_names(name), name, terms$term, fixed = TRUE)
    block <- if (symbol) term_names(name) else name
    return(list(data = data, terms = cbind(terms, block = rep(block, nrow(terms))), own = symbol))
  }
  parts <- lapply(names(coding), function(variable) {
    variable_parts(frame[[variable]], variable, coding[[variable]], sds)
  })
  product <- Reduce(times, parts)
  names <- make.unique(unname(product$term), " #")
  data <- stats::setNames(as.data.frame(unname(product$value)), names)
  unit <- product$unit
  if (length(coding) > 1L) unit <- paste0("ratio of hazard ratios (", unit, ")")
  terms <- data.frame(column = names, coefficient = quoted(names), term = names, label = paste0(names, ": ", unit),
                      unit = unit, level = "", reference = "",
                      range = vapply(data, function(x) diff(range(x)), 0, USE.NAMES = FALSE),
                      spread = vapply(data, stats::sd, 0, USE.NAMES = FALSE), centre = 0, scale = 1,
                      block = name)
  list(data = data, terms = terms, own = FALSE)
}

# The columns of one variable in a product: a matrix, with their words.
variable_parts <- function(value, variable, coding, sds) {
  name <- plain_term(variable)
  if (is_yes_no(value) && coding == 1) {
    return(list(value = cbind(as.numeric(value == "TRUE")), term = name, unit = "yes vs no"))
  }
  if (is.factor(value)) {
    levels <- levels(value)
    shown <- if (coding == 1) levels[-1L] else levels
    unit <- if (coding == 1) paste(shown, "vs", levels[[1L]]) else shown
    return(list(value = outer(as.character(value), shown, "==") + 0, term = paste0(name, ":", shown), unit = unit))
  }
  if (is.matrix(value)) {
    count <- ncol(value)
    part <- seq_len(count)
    return(list(value = unclass(value), term = paste(name, part), unit = paste("part", part, "of the curve")))
  }
  unit <- if (variable %in% names(sds)) sprintf("per SD (%s)", format(sds[[variable]], digits = 3L)) else "per unit"
  list(value = cbind(value), term = name, unit = unit)
}

# All products of the columns of two variables, the first one varying fastest.
times <- function(a, b) {
  i <- rep(seq_along(a$term), length(b$term))
  j <- rep(seq_along(b$term), each = length(a$term))
  list(value = a$value[, i, drop = FALSE] * b$value[, j, drop = FALSE],
       term = paste(a$term[i], "*", b$term[j]), unit = paste(a$unit[i], "*", b$unit[j]))
}

plain_term <- function(text) gsub("`", "", text, fixed = TRUE)
