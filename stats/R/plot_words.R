# Values as figures and the report tell them. Every function takes vectors and returns text; a missing value is an en
# dash.

or_dash <- function(x, text) ifelse(is.na(x), "\u2013", text)

# Whole numbers: 1,234.
fmt_n <- function(x) or_dash(x, trimws(formatC(round(as.numeric(x)), format = "d", big.mark = ",")))

# Numbers with three significant digits, never in scientific notation unless very small or large.
fmt_number <- function(x, digits = 3) {
  x <- as.numeric(x)
  small <- !is.na(x) & x != 0 & (abs(x) < 1e-4 | abs(x) >= 1e7)
  plain <- formatC(signif(x, digits), format = "fg", digits = digits, big.mark = ",")
  or_dash(x, trimws(ifelse(small, formatC(x, format = "e", digits = 1), plain)))
}

# Times, and other numbers that name something: whole parts in full, and as many digits as tell the values of `x`
# apart.
fmt_time <- function(x) {
  if (!length(x)) return(character())
  known <- unique(x[is.finite(x)])
  digits <- max(3, floor(log10(pmax(1, abs(known)))) + 1)
  while (digits < 15 && anyDuplicated(signif(known, digits))) digits <- digits + 1
  or_dash(x, trimws(formatC(signif(x, digits), format = "fg", digits = digits, big.mark = ",")))
}

# Shares as percentages: 0.123 is 12.3 %.
fmt_percent <- function(x, digits = 1) {
  or_dash(x, paste0(formatC(100 * as.numeric(x), format = "f", digits = digits), "\u00a0%"))
}

first_upper <- function(x) paste0(toupper(substr(x, 1, 1)), substring(x, 2))

# 30 thousand, 1.4 billion.
fmt_size <- function(x) {
  power <- pmin(pmax(floor(log10(x) / 3), 0), 3)
  text <- vapply(x / 1000^power, format, "", digits = 3)
  ifelse(is.na(x), NA, trimws(paste(text, c("", "thousand", "million", "billion")[power + 1])))
}
