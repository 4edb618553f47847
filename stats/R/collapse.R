#' Identical rows as counts
#'
#' Rows that agree in every column are one pattern. Columns become integer codes, the codes one integer key, and the
#' patterns are the keys that occur: linear time, no sorting and no pasting of texts.
#'
#' @param data data.frame of factors, logical and numeric columns without missing values.
#' @param columns character, columns of `data`.
#' @param most give up where there are more patterns than this.
#' @return NULL where it gave up, else a list: `pattern` (integer, one per row of `data`), `row` (a row of `data` that
#'   has the pattern, one per pattern) and `count` (rows per pattern).
#' @export
collapse_rows <- function(data, columns, most = nrow(data)) {
  pattern <- row_patterns(data, columns, most)
  if (is.null(pattern)) return(NULL)
  patterns <- max(pattern)
  row <- integer(patterns)
  row[pattern] <- seq_len(nrow(data))
  list(pattern = pattern, row = row, count = tabulate(pattern, patterns))
}

# The number of each row's pattern, from 1 without gaps; NULL where there are more than `most`.
row_patterns <- function(data, columns, most = nrow(data)) {
  key <- NULL
  size <- 1
  # Room for keys that do not occur: as long as there is, the codes of the next column are only multiplied in.
  room <- max(16 * nrow(data), 1e5)
  for (column in columns) {
    codes <- integer_codes(data[[column]], most)
    if (is.null(codes)) return(NULL)
    if (codes$size == 1L) next
    if (is.null(key)) {
      key <- codes$code
      size <- codes$size
      next
    }
    if (size * codes$size > room / 4) {
      key <- renumbered(key, size)
      size <- max(key)
      if (size > most) return(NULL)
    }
    wide <- size * codes$size > room
    if (wide) {
      key <- (key - 1) * codes$size + codes$code
      key <- match(key, unique(key))
      size <- max(key)
    } else {
      key <- (key - 1L) * as.integer(codes$size) + codes$code
      size <- size * codes$size
    }
  }
  pattern <- if (is.null(key)) rep(1L, nrow(data)) else renumbered(key, size)
  if (max(pattern) > most) NULL else pattern
}

# Codes from 1 to size. Whole numbers in a small range are their own codes; other numbers are looked up, after a look
# at the first of them, where a column that hardly repeats shows already.
integer_codes <- function(value, most) {
  if (is.factor(value)) return(list(code = as.integer(value), size = nlevels(value)))
  if (is.logical(value)) return(list(code = value + 1L, size = 2L))
  if (is.character(value)) value <- match(value, unique(value))
  range <- c(min(value), max(value))
  if (range[[1L]] == range[[2L]]) return(list(code = NULL, size = 1L))
  if (max(abs(range)) < 1e9 && diff(range) < 1e5) {
    whole <- as.integer(value)
    if (is.integer(value) || all(whole == value)) {
      lowest <- as.integer(range[[1L]])
      return(list(code = whole - (lowest - 1L), size = as.integer(diff(range)) + 1L))
    }
  }
  known <- unique(utils::head(value, 10000L))
  if (length(known) > max(most / length(value), 0.25) * min(length(value), 10000L)) return(NULL)
  code <- match(value, known)
  if (anyNA(code)) {
    known <- unique(value)
    code <- match(value, known)
  }
  if (length(known) > most) return(NULL)
  list(code = code, size = length(known))
}

# Integer keys without gaps, in the same order.
renumbered <- function(key, size) {
  used <- tabulate(key, size) > 0L
  if (all(used)) return(key)
  number <- cumsum(used)
  number[key]
}
