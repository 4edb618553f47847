#' Read the right-hand side of a model's formula
#'
#' A study file comes from anywhere, so its formulas are read and never run: the text is parsed, and every part of the
#' result has to be a column, a number, or one of [formula_functions()] and the operators of a formula. Anything else is
#' an error that quotes the part and says what is allowed. What passes is evaluated where nothing but those functions
#' exists ([formula_environment()]), so that it does not hang on this check alone.
#'
#' @param text such as `"latent * log1p(popularity) + ns(logp0, df = 3) + strata(arm) + (1 | relation/group)"`; `"1"`
#'   for no covariates.
#' @param names named list: what the text may call a column, to what the data calls it.
#' @return A list: `right` (call of the fixed part; NULL for none), `columns` (names in it), `strata`, `random`
#'   (columns; `"a/b"` for b nested in a), `psplines` (list of calls), `text` (the fixed part as R writes it).
#' @references Wilkinson and Rogers (1973), Applied Statistics 22:392 (the notation).
#' @export
parse_formula <- function(text, names = list()) {
  # What R itself stumbles over, such as the empty argument of log(x, ), is a problem of the formula too.
  tryCatch(read_formula(text, names), error = function(e) {
    if (inherits(e, "formula_problem")) stop(e)
    refuse(NULL, paste("the formula cannot be read:", conditionMessage(e)), "look for a stray comma or operator")
  })
}

read_formula <- function(text, names) {
  root <- renamed(one_expression(paste(texts(text), collapse = " ")), names)
  found <- list(fixed = list(), strata = character(), random = character(), psplines = list(), columns = character())
  for (part in summands(root)) {
    if (is_call_of(part, "(") && is_call_of(part[[2L]], "|")) {
      found$random <- c(found$random, random_text(part[[2L]]))
    } else if (is_call_of(part, "strata")) {
      found$strata <- c(found$strata, vapply(as.list(part)[-1L], column_name, "", place = part))
    } else if (is_call_of(part, "pspline")) {
      found$columns <- c(found$columns, value_columns(part, 1L))
      found$psplines <- c(found$psplines, list(part))
    } else if (!identical(part, 1)) {
      found$columns <- c(found$columns, design_columns(part, 1L))
      found$fixed <- c(found$fixed, list(part))
    }
  }
  if (sum(vapply(found$fixed, count_terms, 0)) > 100) {
    refuse(root, "stands for more than 100 terms", "name the interactions that are meant")
  }
  right <- if (length(found$fixed)) Reduce(function(a, b) call("+", a, b), found$fixed)
  shown <- vapply(c(found$fixed, found$psplines), one_line, "")
  list(right = right, columns = unique(found$columns), strata = unique(found$strata), random = unique(found$random),
       psplines = found$psplines, text = if (length(shown)) paste(shown, collapse = " + ") else "1")
}

# The formula as it was written, with what its fit adds.
written_formula <- function(parsed, strata = character(), cluster = "") {
  sub("~ 1", paste("~", parsed$text), formula_text(cox_formula(character(), strata, cluster)), fixed = TRUE)
}

# One expression, however the text tries to be more. R's parser itself stops at deep nesting with an error.
one_expression <- function(text) {
  plain <- "write the right-hand side of a formula, such as latent + log1p(popularity)"
  if (!nzchar(trimws(text))) refuse(NULL, "the formula is empty", plain)
  if (nchar(text) > 2000L) refuse(NULL, "the formula is longer than 2000 characters", plain)
  parsed <- tryCatch(parse(text = text, keep.source = FALSE), error = function(e) {
    first <- strsplit(conditionMessage(e), "\n", fixed = TRUE)[[1L]][[1L]]
    refuse(NULL, paste("it is not a formula that R can read:", sub("^<text>:", "at ", first)), plain)
  })
  if (length(parsed) != 1L) refuse(NULL, sprintf("it holds %d expressions instead of one", length(parsed)), plain)
  if (is_call_of(parsed[[1L]], "~")) {
    refuse(parsed[[1L]], "has a ~", "leave out the left-hand side and the ~: the outcome is given by its own key")
  }
  parsed[[1L]]
}

# The expression with the data's own names of its columns; a name that is also a function's stays what it is.
renamed <- function(root, names) {
  names <- names[setdiff(names(names), c(names(formula_functions()), "strata"))]
  if (length(names)) do.call(substitute, list(root, lapply(names, as.name))) else root
}

# The parts of a sum, from left to right. A loop: a sum of a thousand parts is nested a thousand deep.
summands <- function(node) {
  parts <- list()
  while (is_call_of(node, "+") && length(node) == 3L) {
    parts <- c(list(node[[3L]]), parts)
    node <- node[[2L]]
  }
  c(list(node), parts)
}

# (1 | a), (1 | a/b): as the keys `random` of a plan have it.
random_text <- function(bar) {
  if (!identical(bar[[2L]], 1)) {
    refuse(bar, "has a random slope", "random intercepts are offered: (1 | group), or (1 | relation/group) nested")
  }
  group <- bar[[3L]]
  if (is_call_of(group, "/") && length(group) == 3L) {
    return(paste(column_name(group[[2L]], bar), column_name(group[[3L]], bar), sep = "/"))
  }
  column_name(group, bar)
}

column_name <- function(node, place) {
  if (!is.symbol(node) || !nzchar(as.character(node))) refuse(place, "takes names of columns only", "name a column")
  as.character(node)
}

is_call_of <- function(node, name) is.call(node) && is.symbol(node[[1L]]) && identical(as.character(node[[1L]]), name)

# An upper bound of the number of terms that R will expand this into.
count_terms <- function(node) {
  if (!is.call(node)) return(1)
  name <- as.character(node[[1L]])
  if (!name %in% c("+", "-", "*", "/", ":", "^", "(")) return(1)
  counts <- vapply(as.list(node)[-1L], count_terms, 0)
  switch(name, "(" = counts, "+" = sum(counts), "-" = counts[[1L]], ":" = prod(counts),
         "^" = sum(choose(counts[[1L]], seq_len(node[[3L]]))), sum(counts) + prod(counts))
}

# Stop with what is wrong, where, and what to do instead.
refuse <- function(node, what, remedy) {
  where <- if (is.null(node)) "" else paste0("`", shortened(one_line(node)), "` ")
  stop(structure(class = c("formula_problem", "error", "condition"),
                 list(message = paste0(where, what), call = NULL, remedy = remedy)))
}

# Deparsing a node that is nested very deeply would itself run out of stack: the first lines are enough.
one_line <- function(node) {
  paste(trimws(deparse(node, width.cutoff = 500L, backtick = TRUE, nlines = 3L)), collapse = " ")
}

shortened <- function(text, most = 80L) {
  ifelse(nchar(text) > most, paste0(substr(text, 1L, most), "..."), text)
}
