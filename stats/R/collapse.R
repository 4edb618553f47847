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
  keys <- row_keys(data, columns, most)
  if (is.null(keys)) return(NULL)
  count <- tabulate(keys$key, keys$size)
  used <- which(count > 0L)
  if (length(used) > most) return(NULL)
  row <- integer(keys$size)
  row[keys$key] <- seq_len(nrow(data))
  list(pattern = renumbered(keys$key, used, keys$size), row = row[used], count = count[used])
}

# The number of each row's pattern, from 1 without gaps.
row_patterns <- function(data, columns) {
  keys <- row_keys(data, columns)
  without_gaps(keys$key, keys$size)$code
}

# The first row whose pattern an earlier row has already; 0 where there is none.
repeated_row <- function(data, columns) {
  keys <- row_keys(data, columns)
  if (max(tabulate(keys$key, keys$size)) > 1L) anyDuplicated(keys$key) else 0L
}

# An integer for each row, the same where rows agree, from 1 to size and not all of them in use. NULL where there are
# more than `most` patterns for sure. With millions of rows fresh memory costs more than arithmetic: as few vectors of
# the rows' length as can be.
row_keys <- function(data, columns, most = nrow(data)) {
  # Room for keys that do not occur: as long as there is, the codes of the next column are only multiplied in.
  room <- min(max(16 * nrow(data), 1e5), 1e9)
  waiting <- list()
  size <- 1
  for (column in columns) {
    codes <- integer_codes(data[[column]], most)
    if (is.null(codes)) return(NULL)
    if (codes$size == 1L) next
    if (length(waiting) && size * codes$size > room / 4) {
      waiting <- list(without_gaps(multiplied(waiting), size))
      size <- as.double(waiting[[1L]]$size) # products of sizes leave the integers before the codes do
      if (size > most) return(NULL)
    }
    if (length(waiting) && size * codes$size > room) {
      wide <- (multiplied(waiting) - 1) * codes$size + (codes$code - codes$low)
      codes <- integer_codes(wide, Inf)
      waiting <- list()
      size <- 1
    }
    waiting <- c(waiting, list(codes))
    size <- size * codes$size
  }
  list(key = if (length(waiting)) multiplied(waiting) else rep(1L, nrow(data)), size = size)
}

# One key of several codes. R's arithmetic overwrites a value that no variable holds: hence one expression and no loop.
multiplied <- function(codes) {
  last <- codes[[length(codes)]]
  if (length(codes) > 1L) return(multiplied(codes[-length(codes)]) * last$size + last$code - (last$size + last$low))
  if (last$low == 0L) last$code else last$code - last$low
}

# Codes from low + 1 to low + size. Whole numbers in a small range are their own codes; other numbers are looked up,
# after a look at the first of them, where a column that hardly repeats shows already. NULL: more than `most` of them.
integer_codes <- function(value, most) {
  if (is.factor(value)) return(list(code = bare_codes(value), size = nlevels(value), low = 0L))
  if (is.logical(value)) return(list(code = value, size = 2L, low = -1L))
  known <- unique(utils::head(value, 10000L))
  if (is.numeric(value) && all(known == round(known))) {
    range <- c(min(value), max(value))
    span <- range[[2L]] - as.double(range[[1L]])
    if (span == 0) return(list(code = NULL, size = 1L, low = 0L))
    if (span < 1e5 && max(abs(range)) < 1e9) {
      whole <- as.integer(value)
      codes <- list(code = whole, size = as.integer(span) + 1L, low = as.integer(range[[1L]]) - 1L)
      if (is.integer(value) || all(whole == value)) return(codes)
    }
  }
  if (length(known) > max(most / length(value), 0.25) * min(length(value), 10000L)) return(NULL)
  code <- match(value, known)
  if (anyNA(code)) {
    known <- unique(value)
    code <- match(value, known)
  }
  if (length(known) > most) return(NULL)
  list(code = code, size = length(known), low = 0L)
}

# Of a factor; without a copy, unlike as.integer().
bare_codes <- function(value) {
  attributes(value) <- NULL
  value
}

# Integer keys without gaps, in the same order.
without_gaps <- function(key, size) {
  used <- which(tabulate(key, size) > 0L)
  list(code = renumbered(key, used, size), size = length(used), low = 0L)
}

renumbered <- function(key, used, size) {
  if (length(used) == size) return(key)
  number <- integer(size)
  number[used] <- seq_along(used)
  number[key]
}
