#' The coefficients that a set of covariates will have, in plain words
#'
#' @param data data.frame with the covariates: logical, numeric or factor (the first level is the reference).
#' @param covariates character, columns of `data`.
#' @param sds,means named numeric: the standard deviation by which a numeric covariate was divided, after its mean was
#'   taken off.
#' @return A data.frame with one row per coefficient: `column` (the covariate), `coefficient` (its name in a fit: the
#'   column, and `=level` behind it; no two columns and levels share one), `term` (unique as well: the column, with
#'   `:level` behind it where a factor has several coefficients; a column whose own name could be taken for that stands
#'   in backticks),
#'   `label` and `unit` (plain words), `level` and `reference` (of a factor), `range` (largest minus smallest value),
#'   `spread` (standard deviation of a number, 1 for a level), `centre` and `scale` (value * scale + centre is in the
#'   units of the data).
#' @export
describe_terms <- function(data, covariates, sds = numeric(), means = numeric()) {
  rows <- lapply(covariates, function(column) describe_term(data[[column]], column, sds, means))
  empty <- list(column = character(), coefficient = character(), term = character(), label = character(),
                unit = character(), level = character(), reference = character(), range = double(), spread = double(),
                centre = double(), scale = double())
  # Not by data.frame() and rbind(), which take as long as a small fit.
  list2DF(sapply(names(empty), function(name) c(empty[[name]], unlist(lapply(rows, `[[`, name))), simplify = FALSE))
}

describe_term <- function(value, column, sds, means) {
  coefficients <- coefficient_names(value, column)
  name <- term_names(column)
  row <- function(coefficient, term, label, unit, level = "", reference = "", range = 1, spread = 1, centre = 0,
                  scale = 1) {
    values <- list(column = column, coefficient = coefficient, term = term, label = label, unit = unit, level = level,
                   reference = reference, range = range, spread = spread, centre = centre, scale = scale)
    lapply(values, rep_len, length(coefficient))
  }
  if (is_yes_no(value)) {
    return(row(coefficients, name, paste0(column, ": yes vs no"), "yes vs no", "TRUE", "FALSE"))
  }
  if (is.factor(value)) {
    reference <- levels(value)[[1L]]
    others <- levels(value)[-1L]
    term <- if (length(others) == 1L) name else paste0(name, ":", others, recycle0 = TRUE)
    unit <- paste(others, "vs", reference, recycle0 = TRUE)
    return(row(coefficients, term, paste0(column, ": ", unit, recycle0 = TRUE), unit, others, reference))
  }
  range <- max(value) - min(value)
  spread <- stats::sd(value)
  if (column %in% names(sds)) {
    unit <- sprintf("per SD (%s)", format(sds[[column]], digits = 3L))
    centre <- if (column %in% names(means)) means[[column]] else 0
    return(row(coefficients, name, paste0(column, ", per SD"), unit, range = range, spread = spread, centre = centre,
               scale = sds[[column]]))
  }
  row(coefficients, name, paste0(column, ", per unit"), "per unit", range = range, spread = spread)
}

# Logical, also where it has become a factor.
is_yes_no <- function(value) is.logical(value) || identical(levels(value), c("FALSE", "TRUE"))

# Names of the coefficients of one covariate. A quoted name ends where R's parser says so: no level can run into it.
coefficient_names <- function(value, column) {
  if (is_yes_no(value)) return(paste0(quoted(column), "=TRUE"))
  if (is.factor(value)) return(paste0(quoted(column), "=", levels(value)[-1L], recycle0 = TRUE))
  quoted(column)
}

# A covariate as the tables call it. `a:b` may be a column, or the level b of a: the column has backticks then.
term_names <- function(columns) {
  odd <- grepl(":", columns, fixed = TRUE) | startsWith(columns, "`") | columns == "GLOBAL"
  columns[odd] <- quoted_anyway(columns[odd])
  columns
}

# Column names as they stand in a formula.
quoted <- function(names) vapply(names, function(name) deparse(as.name(name), backtick = TRUE), "", USE.NAMES = FALSE)

quoted_anyway <- function(names) {
  paste0("`", gsub("([\\\\`])", "\\\\\\1", names), "`", recycle0 = TRUE)
}

#' Formula of a Cox model in counting-process form
#'
#' Always `Surv(start, stop, event)`: with `Surv(time, event)` the residuals of tied data cost quadratic time.
#'
#' @param covariates,strata,random character, columns.
#' @param cluster one column, or `""`.
#' @return A formula whose environment is survival's namespace, so that `Surv`, `strata` and `cluster` are found
#'   whether these files are sourced or loaded as a package.
#' @export
cox_formula <- function(covariates, strata = character(), cluster = "", random = character()) {
  right <- c(
    if (length(covariates)) quoted(covariates) else "1",
    if (length(strata)) sprintf("strata(%s)", toString(quoted(strata))),
    if (nzchar(cluster)) sprintf("cluster(%s)", quoted(cluster)),
    if (length(random)) sprintf("(1 | %s)", quoted(random))
  )
  stats::as.formula(paste("Surv(start, stop, event) ~", paste(right, collapse = " + ")),
                    env = asNamespace("survival"))
}

formula_text <- function(formula) gsub("\\s+", " ", paste(deparse(formula, width.cutoff = 500L), collapse = " "))
