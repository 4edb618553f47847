# What a corpus lets a model know: accuracy against counts of facts, and hazard ratios before and after counts.

smi_data <- function(results) pick(results$smi, model = "smi")

#' The numbers of one quantity: of an arm and measure alone, or of a difference.
smi_rows <- function(results, quantity, predictor = names(measure_words), reference = "") {
  d <- smi_data(results)
  d[d$quantity %in% quantity & d$predictor %in% predictor & reference_of(d) %in% reference, , drop = FALSE]
}

# Two decimals: of shares of variance, whose third says nothing. Differences of concordance have three.
fmt_two <- function(x, digits = 2) {
  text <- formatC(round(as.numeric(x), digits) + 0, format = "f", digits = digits) # + 0: no minus before a zero
  or_dash(x, sub("-", "\u2212", text, fixed = TRUE))
}

fmt_with_ends <- function(x, digits = 2) {
  ends <- paste0(" (", fmt_two(x$lower, digits), " to ", fmt_two(x$upper, digits), ")")
  paste0(fmt_two(x$estimate, digits), ifelse(is.na(x$lower), "", ends))
}

#' Of the largest model what its R-squared is by each measure, and what the line says is the most it can know.
say_smi <- function(results) {
  d <- smi_data(results)
  sizes <- unique(d[nzchar(as.character(d$arm)), c("arm", "parameters")])
  arm <- as.character(sizes$arm[c(which.max(sizes$parameters), 1)[1]])
  of <- function(quantity, predictor = "smi") {
    x <- smi_rows(results, quantity, predictor)
    x[x$arm == arm, , drop = FALSE]
  }
  by_measure <- function(value) paste0(vapply(names(measure_words), value, ""), " by ", measure_words)
  facts <- by_measure(function(p) fmt_with_ends(of("r2_facts", p)))
  bins <- by_measure(function(p) fmt_two(of("r2_bins", p)$estimate))
  paste0(
    "Accuracy is the mean over prompt forms of the exact probability that a sample is the answer, ",
    if (vocabulary$series) "at the last checkpoint" else "before training", ". Of ",
    fmt_n(of("r2_facts")$facts), " facts whose subject and object meet more often than by chance (the other ",
    fmt_n(of("r2_facts")$dropped), " are left out), and of ", md(arm),
    if (nrow(sizes) > 1) ", the largest model", ":\n\n",
    "- **single facts**: the share of the variance of accuracy that a line explains is ", list_words(facts), ";\n",
    "- **means of ", fmt_n(of("r2_bins")$bins), " bins**, as the paper has it: ", list_words(bins), ";\n",
    "- facts of ", if (one_relation(results)) "objects" else "relations", " that the line was not fitted to, by SMI: ",
    fmt_with_ends(of("r2_left_out")), " (below 0: worse than their mean).\n\n",
    "**R\u00b2 of means of bins says how well groups of facts are told apart. It is no forecast of single facts.** ",
    "At the greatest SMI the line is at ", fmt_with_ends(of("upper")), "; a curve that levels off is at ",
    fmt_with_ends(of("upper_curve")), ": ", say_bound(of("upper"), of("upper_curve")), say_smi_size(results)
  )
}

# Two upper bounds of what can be known, as far as the interval of the first tells them apart.
say_bound <- function(line, curve) {
  apart <- abs(line$estimate - curve$estimate) > (line$upper - line$lower) / 4
  if (!isTRUE(apart)) return("an upper bound of what can be known is much the same by both.")
  "an upper bound of what can be known hangs on which of them one draws."
}

one_relation <- function(results) {
  said <- as.character(pick(results$fits, model = "smi")$reason)
  any(grepl("one relation", said, fixed = TRUE))
}

say_smi_size <- function(results) {
  facts <- smi_rows(results, "r2_facts_per_doubling", "smi")
  bins <- smi_rows(results, "r2_bins_per_doubling", "smi")
  if (!nrow(facts)) return("")
  paste0(" With each doubling of the model R\u00b2 by SMI changes by ", fmt_with_ends(facts), " (facts) and ",
    fmt_with_ends(bins), " (bins); these intervals take the models as they are.")
}

figure_smi <- function(results) plot_smi(smi_data(results), pick(results$smi_points, model = "smi"))

alt_smi <- function(results) {
  lines <- smi_lines(smi_data(results))
  paste("Points of bins, larger with more facts, and single facts behind.", paste0(lines$arm, ": the line rises from ",
    fmt_percent(lines$intercept), " to ", fmt_percent(lines$upper_bound), ".", collapse = " "))
}

smi_columns <- list(
  shares = c(r2_bins = "R\u00b2, bins", r2_facts = "R\u00b2, facts", mse = "MSE"),
  line = c(x_intercept = "Line is 0 at", upper = "Line at 1", upper_curve = "Curve at 1"),
  left_out = c(r2_left_out = "R\u00b2, left out", calibration_slope = "Calibration (slope)")
)

#' A row for each model and measure, a column for each quantity.
table_smi <- function(results, which) {
  columns <- smi_columns[[which]]
  alone <- smi_rows(results, "r2_bins")
  shown <- side_by_side(smi_rows(results, names(columns)), alone, "quantity", columns)
  of <- data.frame(Model = once(alone$arm), Measure = measure_short[as.character(alone$predictor)])
  if (which == "shares") of <- cbind(of, Parameters = fmt_size(alone$parameters), Bins = fmt_n(alone$bins))
  md_table(cbind(of, shown), paste0("ll", strrep("r", ncol(of) - 2L + length(columns))))
}

measure_short <- c(co_occur = "co-occurrence", mi = "MI", smi = "SMI") # the text above the tables says what MI is

# The estimates of `d` for the rows of `keys`: a column for each value of `column`, called as `columns` says.
side_by_side <- function(d, keys, column, columns, digits = 2) {
  by <- c("arm", "predictor", "reference")
  shown <- lapply(names(columns), function(value) {
    x <- d[as.character(d[[column]]) == value, , drop = FALSE]
    fmt_with_ends(x[match_rows(keys, x, by), ], if (value == "mse") 3 else digits)
  })
  stats::setNames(as.data.frame(shown), columns)
}

# Three decimals: measures that are made of each other differ by little.
table_smi_pairs <- function(results) {
  columns <- c(r2_bins = "R\u00b2, bins", r2_facts = "R\u00b2, facts", r2_left_out = "R\u00b2, left out")
  d <- smi_rows(results, names(columns), reference = names(measure_words))
  keys <- d[d$quantity == "r2_facts", ]
  of <- data.frame(Model = once(keys$arm), Difference = paste(measure_short[as.character(keys$predictor)], "less",
    measure_short[as.character(keys$reference)]))
  md_table(cbind(of, side_by_side(d, keys, "quantity", columns, 3)), "llrrr")
}

table_smi_widths <- function(results) {
  d <- smi_data(results)
  d <- d[startsWith(as.character(d$quantity), "r2_bins") & nzchar(as.character(d$arm)) & reference_of(d) == "", ]
  d$width <- sub("r2_bins@?", "", as.character(d$quantity))
  keys <- d[!nzchar(d$width), ]
  widths <- c("", sort(unique(d$width[nzchar(d$width)])))
  d$width[!nzchar(d$width)] <- "formula"
  columns <- stats::setNames(ifelse(nzchar(widths), widths, "5 (the formula)"),
    ifelse(nzchar(widths), widths, "formula"))
  columns <- columns[order(as.numeric(sub(" .*", "", columns)))]
  of <- data.frame(Model = once(keys$arm), Measure = measure_short[as.character(keys$predictor)])
  md_table(cbind(of, side_by_side(d, keys, "width", columns)), paste0("ll", strrep("r", length(columns))))
}

smi_by_size <- function(results) smi_sizes(smi_data(results))

figure_smi_size <- function(results) plot_smi_size(smi_data(results))

alt_smi_size <- function(results) {
  d <- smi_by_size(results)
  d <- d[d$predictor == "smi", ]
  d <- d[order(d$parameters), ]
  values <- paste0("By SMI, of ", tolower(d$of), " of ", d$arm, ": ", fmt_number(d$estimate, 2), ".")
  paste(c("R-squared by number of parameters, for three measures.", values), collapse = " ")
}

# --- hazard ratios before and after counts
mediation_data <- function(results) {
  d <- results$mediation
  d <- if (nrow(d)) d[d$rule == results$rule, , drop = FALSE] else d
  if (nrow(d)) d$step <- factor(as.character(d$step), level_order(d$step))
  d
}

#' Of each outcome: the ratio before and after counts, and whether counts foretell beyond.
say_mediation <- function(results) {
  d <- mediation_data(results)
  lines <- vapply(split(d, factor(as.character(d$outcome), level_order(d$outcome))), function(x) {
    counts <- x[!x$step %in% measure_steps, ]
    after <- utils::tail(counts, 1)
    paste0("- **", first_upper(md(as.character(x$outcome[1]))), "**",
      if (is.finite(x$hr[1])) say_ratio_after(x[1, ], after), ". Concordance goes from ",
      fmt_two(x$concordance[1], 3), if (!is.finite(x$hr[1])) " with counts of subject and object", " to ",
      fmt_two(after$concordance, 3), with_gain(after$gain_lower, after$gain_upper), say_measure(x), ".")
  }, "")
  ratios <- any(is.finite(d$hr))
  paste0("The same rows, ", if (ratios) "first without counts and then with those of subject, object and both" else
    "with more and more of what the corpus says of a fact", ":\n\n", paste(lines, collapse = "\n"), "\n\n",
    if (ratios) paste0("Where the ratio comes nearer to 1, part of what the predictor stands for is how often the ",
      "world names the fact. "), "Concordance is that of the rows that were fitted.")
}

measure_steps <- c(smi = "and SMI", mi = "and mutual information")

with_gain <- function(lower, upper) {
  if (is.na(lower)) "" else paste0(" (gain ", fmt_two(lower, 3), " to ", fmt_two(upper, 3), ")")
}

say_ratio_after <- function(before, after) {
  unsure <- is.na(after$change_lower)
  toward <- if (unsure) "" else if (after$change_upper < 0) ", lower" else
    if (after$change_lower > 0) ", higher" else ", and the change is within what chance does"
  factor <- exp(after[c("change", "change_lower", "change_upper")])
  paste0(", ", md(lower_first(term_words(before))), ": hazard ratio ", fmt_hr(before$hr, before$lower, before$upper),
    " without counts, ", fmt_hr(after$hr, after$lower, after$upper), " with them", toward,
    if (unsure) " (too few events for an interval of the change)" else paste0(", by a factor of ",
      fmt_hr(factor[[1]], factor[[2]], factor[[3]])))
}

# What the one number that is made of counts adds to them.
say_measure <- function(x) {
  own <- x[x$step %in% measure_steps, ]
  if (!nrow(own)) return("")
  name <- measure_words[[names(measure_steps)[match(own$step, measure_steps)]]]
  paste0("; ", name, " beside them adds ", fmt_two(own$added, 3), if (!is.na(own$added_lower)) paste0(" (",
    fmt_two(own$added_lower, 3), " to ", fmt_two(own$added_upper, 3), ")"), ", likelihood ratio test ", fmt_p(own$p))
}

# The rows of models in which there is a ratio to follow.
mediated <- function(results) {
  d <- mediation_data(results)
  d[is.finite(d$hr), , drop = FALSE]
}

figure_mediation <- function(results) {
  plot_mediation(mediated(results), function(d) {
    paste0(first_upper(as.character(d$outcome)), ": ", lower_first(term_words(d)))
  })
}

alt_mediation <- function(results) {
  d <- mediated(results)
  values <- paste0(d$outcome, ", ", d$step, ": ", fmt_hr(d$hr, d$lower, d$upper), ".")
  paste(c("Hazard ratios with intervals, a row for each set of counts in the model.", values), collapse = " ")
}

table_mediation <- function(results) {
  d <- mediation_data(results)
  test <- paste0(fmt_number(d$chisq, 3), " on ", fmt_n(d$df), " df, ", fmt_p(d$p))
  gain <- paste0(fmt_two(d$added, 3), " (", fmt_two(d$added_lower, 3), " to ", fmt_two(d$added_upper, 3), ")")
  followed <- any(is.finite(d$hr))
  of <- paste0(d$outcome, ifelse(is.finite(d$hr), paste0(": ", lower_first(term_words(d))), ""))
  shown <- data.frame(Outcome = ifelse(duplicated(of), "", of), Counts = d$step)
  if (followed) shown[["Hazard ratio"]] <- fmt_hr(d$hr, d$lower, d$upper)
  md_table(cbind(shown, Concordance = fmt_two(d$concordance, 3),
    "More than the row before" = ifelse(is.na(d$added_lower), "\u2013", gain),
    "Likelihood ratio" = ifelse(is.na(d$chisq), "\u2013", test)), paste0("ll", if (followed) "r", "rrr"))
}
