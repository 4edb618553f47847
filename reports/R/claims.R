# Claims that were written before the results were known, and the verdicts that their intervals give (judged in R's
# statistics; here they are only told).

verdict_order <- c("supported", "contradicted", "undecided", "not measured")

claims_data <- function(results) {
  d <- results$claims
  if (nrow(d)) d[order(d$number), ] else d
}

#' How many claims have each verdict: three supported and one undecided.
claim_counts <- function(d) {
  n <- table(factor(as.character(d$verdict), verdict_order))
  list_words(paste(few_words(n[n > 0]), names(n)[n > 0]))
}

#' The first screen: each claim in its own words with its verdict; of many, those that are decided.
say_claims <- function(results, most = 5) {
  d <- claims_data(results)
  if (!nrow(d)) return("")
  shown <- utils::head(d[order(match(as.character(d$verdict), verdict_order[c(2, 1, 3, 4)])), ], most)
  shown <- shown[order(shown$number), ]
  rest <- d[!d$number %in% shown$number, ]
  each <- paste(verdict_badge(shown$verdict), md(shown$text))
  paste0("::: {.claims}\n**[Claims.](#claims)** ", paste(each, collapse = "; "),
    if (nrow(rest)) paste0("; [and ", claim_counts(rest), "](#claims)"), ".\n:::")
}

verdict_badge <- function(verdict) {
  paste0("[", verdict, "]{.verdict .", gsub(" ", "-", verdict), "}")
}

#' What decides, in a sentence above the table.
say_claim_rule <- function(results) {
  d <- claims_data(results)
  paste0("Each claim stood in the study file with a quantity and the bounds that decide it: ", claim_counts(d), ". A ",
    "claim is *supported* where the whole 95 % interval is within its bounds and *contradicted* where all of it is ",
    "outside; where the interval crosses a bound, or the number is in doubt, it is *undecided*.")
}

text_of <- function(x) ifelse(is.na(x), "", as.character(x))

table_claims <- function(results) {
  d <- claims_data(results)
  md_table(data.frame(Claim = text_of(d$text), Verdict = first_upper(text_of(d$verdict)),
    "Here (95 % interval)" = claim_numbers(d),
    "In the paper" = ifelse(nzchar(text_of(d$paper)), text_of(d$paper), "\u2013"), check.names = FALSE), "llrl")
}

#' What decides each claim, and within which bounds it had to lie.
table_claim_bounds <- function(results) {
  d <- claims_data(results)
  of <- paste0(text_of(d$quantity), ifelse(nzchar(text_of(d$outcome)), paste(" of", text_of(d$outcome)), ""),
    ifelse(nzchar(text_of(d$what)), paste0(" (", text_of(d$what), ")"), ""))
  md_table(data.frame(Claim = text_of(d$text), "Decided by" = of, Expected = text_of(d$expect), check.names = FALSE),
    "lll")
}

#' A claim's number with its interval, as its scale is written; numbers that are compared have as many decimals each.
claim_numbers <- function(d) {
  written <- list(ratio = fmt_ratio, share = fmt_percent, points = function(x) fmt_signed(round(100 * x, 1)),
    time = function(x) fmt_even(x, plus = "+"), number = fmt_even)
  vapply(seq_len(nrow(d)), function(i) {
    scale <- as.character(d$scale[i])
    x <- c(d$estimate[i], d$lower[i], d$upper[i])
    if (!is.finite(x[1])) return("\u2013")
    told <- written[[scale]](if (anyNA(x)) x[1] else x)
    paste0(told[1], if (scale == "points") "\u00a0points",
      if (length(told) > 1) paste0(" (", told[2], " to ", told[3], ")"))
  }, "")
}

#' What to know about single verdicts: why there is none, or which number decided.
say_claim_reasons <- function(results) {
  d <- claims_data(results)
  d <- d[!is.na(d$reason) & nzchar(as.character(d$reason)), ]
  if (!nrow(d)) return("")
  paste0("- ", md(d$text), ": ", verdict_badge(d$verdict), " ", md(d$reason), ".", collapse = "\n")
}
