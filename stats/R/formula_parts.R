# What a formula may consist of: the operators of a design, functions of columns, and constants.

#' Functions that a formula may use
#'
#' @return A named list: the function and the names of its arguments. The first argument is an expression of columns;
#'   the others are constants, the second one also without its name. `I()` protects arithmetic and comparisons.
#' @export
formula_functions <- function() {
  one <- function(value, ...) list(value = value, arguments = c("x", ...))
  list(
    I = one(I), log = one(log, "base"), log1p = one(log1p), log2 = one(log2), log10 = one(log10), exp = one(exp),
    sqrt = one(sqrt), abs = one(abs), round = one(round, "digits"), pmin = list(value = pmin, arguments = "..."),
    pmax = list(value = pmax, arguments = "..."), scale = one(scale, "center", "scale"),
    factor = one(factor, "levels"), cut = one(cut, "breaks", "include.lowest", "right"),
    poly = one(stats::poly, "degree", "raw"), ns = one(splines::ns, "df", "knots", "Boundary.knots"),
    bs = one(splines::bs, "df", "knots", "degree", "Boundary.knots"),
    # Handed to coxph() by the kind that knows it, never evaluated here.
    pspline = one(NULL, "df")
  )
}

#' Where formulas are evaluated
#'
#' @return An environment without a parent that holds [formula_functions()], arithmetic and comparisons: nothing else
#'   can be reached from it.
#' @export
formula_environment <- function() {
  operators <- c(value_operators, "c", "list", "(")
  functions <- Filter(Negate(is.null), lapply(formula_functions(), `[[`, "value"))
  list2env(c(functions, mget(operators, envir = baseenv())), parent = emptyenv())
}

design_operators <- c("+", "-", "*", ":", "/", "^", "(")
value_operators <- c("+", "-", "*", "/", "^", "<", "<=", ">", ">=", "==", "!=", "&", "|", "!", "%in%")

# Columns of a part of the design, or an error.
design_columns <- function(node, depth) {
  check_depth(node, depth)
  if (is.symbol(node)) return(column_of(node))
  if (!is.call(node)) {
    refuse(node, "stands where a column is expected", "name a column; a Cox model has no intercept to set or remove")
  }
  name <- head_of(node)
  if (name == "|") refuse(node, "is a random effect without its parentheses", "write + (1 | group)")
  if (name %in% c("strata", "pspline")) {
    refuse(node, "has to be a part of the sum by itself", sprintf("write + %s(...) without interactions", name))
  }
  if (!name %in% design_operators) return(call_columns(node, name, depth))
  parts <- as.list(node)[-1L]
  if (name != "(" && length(parts) != 2L) refuse(node, "needs something on both sides", "name columns on both")
  if (name == "^") {
    if (!is.numeric(parts[[2L]]) || !parts[[2L]] %in% 2:5) {
      refuse(node, "is no power of a formula", "write (a + b)^2 for all interactions of two, or I(a^2) for a square")
    }
    parts <- parts[1L]
  }
  unlist(lapply(parts, design_columns, depth = depth + 1L))
}

# Columns of an expression inside a function, or an error.
value_columns <- function(node, depth) {
  check_depth(node, depth)
  if (is.symbol(node)) return(column_of(node))
  if (is.numeric(node) || is.logical(node)) return(character())
  if (!is.call(node)) {
    refuse(node, "is not allowed here", "text is only for comparisons, such as I(relation == \"capital\")")
  }
  name <- head_of(node)
  if (!name %in% c(value_operators, "(")) return(call_columns(node, name, depth))
  parts <- as.list(node)[-1L]
  if (name == "%in%") {
    check_constant(parts[[2L]], node)
    parts <- parts[1L]
  }
  if (name %in% c("==", "!=")) parts <- Filter(Negate(is.character), parts)
  unlist(lapply(parts, value_columns, depth = depth + 1L))
}

call_columns <- function(node, name, depth) {
  allowed <- formula_functions()
  if (!name %in% names(allowed)) {
    refuse(node, sprintf("uses %s(), which a formula may not", shortened(name, 30L)),
           paste0("allowed are the functions ", toString(c(names(allowed), "strata")), " and the operators ",
                  toString(design_operators), "; inside I() also comparisons"))
  }
  arguments <- allowed[[name]]$arguments
  parts <- as.list(node)[-1L]
  given <- if (is.null(names(parts))) rep("", length(parts)) else names(parts)
  if (!length(parts)) refuse(node, "has no argument", sprintf("write %s(column)", name))
  if (identical(arguments, "...")) {
    if (any(nzchar(given))) refuse(node, "has a named argument", sprintf("write %s(column, 1)", name))
    return(unlist(lapply(parts, value_columns, depth = depth + 1L)))
  }
  unnamed <- which(!nzchar(given))
  given[unnamed] <- utils::head(arguments, 2L)[unnamed]
  if (anyNA(given) || anyDuplicated(given) || !all(given %in% arguments) || given[[1L]] != "x") {
    refuse(node, "has an argument that is not known",
           sprintf("%s() takes %s, in this order and from the third on by name", name, toString(arguments)))
  }
  for (i in seq_along(parts)[-1L]) check_constant(parts[[i]], node, given[[i]])
  value_columns(parts[[1L]], depth + 1L)
}

# A number, TRUE, FALSE or a text, or c() of them. Sizes are bounded: a basis of a million columns is no model.
check_constant <- function(node, place, argument = "") {
  parts <- if (is_call_of(node, "c")) as.list(node)[-1L] else list(node)
  values <- lapply(parts, function(part) {
    negative <- is_call_of(part, "-") && length(part) == 2L
    value <- if (negative) part[[2L]] else part
    if (!is.atomic(value) || length(value) != 1L || (negative && !is.numeric(value))) {
      refuse(place, "has an argument that is not a constant", "give a number, TRUE, FALSE or \"text\", or c() of them")
    }
    value
  })
  if (length(values) > 50L) refuse(place, "has more than 50 constants", "use fewer")
  counted <- argument %in% c("df", "degree", "digits") || (argument == "breaks" && length(values) == 1L)
  if (counted && !(is.numeric(values[[1L]]) && values[[1L]] > 0 && values[[1L]] <= 20)) {
    refuse(place, sprintf("has %s beyond 20", argument), sprintf("use %s between 1 and 20", argument))
  }
}

head_of <- function(node) {
  if (!is.symbol(node[[1L]])) {
    refuse(node, "calls something that is not the name of a function", "call an allowed function by its name")
  }
  as.character(node[[1L]])
}

column_of <- function(node) {
  name <- as.character(node)
  if (!nzchar(name)) refuse(NULL, "an argument is empty", "take the extra comma away")
  if (grepl("^[.]([.][.0-9]*)?$", name)) refuse(node, "is not a column", "name the columns that are meant")
  name
}

check_depth <- function(node, depth) {
  if (depth > 40L) refuse(NULL, "the formula is nested more than 40 deep", "write it more simply")
}

# A part of a formula as the coefficients of a product are called: a:b is a * b; a:b within parentheses is a range.
shown_part <- function(part) {
  product <- !startsWith(part, "`") &
    grepl(":", gsub("\\([^()]*\\)", "", part), fixed = TRUE) & !grepl("\\([^()]*:", part)
  ifelse(product, gsub(":", " * ", part, fixed = TRUE), part)
}
