# What a corpus lets a model know: accuracy against counts of facts, and hazard ratios before and after counts.

measure_words <- c(co_occur = "co-occurrence", mi = "mutual information", smi = "SMI")

smi_data <- function(results) pick(results$smi, model = "smi")

#' The numbers of one quantity: of an arm and measure alone, or of a difference.
smi_rows <- function(results, quantity, predictor = names(measure_words), reference = "") {
  d <- smi_data(results)
  d[d$quantity %in% quantity & d$predictor %in% predictor & reference_of(d) %in% reference, , drop = FALSE]
}

# Two decimals: of shares of variance, whose third says nothing. Differences of concordance have three.
fmt_two <- function(x, digits = 2) {
  or_dash(x, sub("-", "\u2212", formatC(as.numeric(x), format = "f", digits = digits), fixed = TRUE))
}

# 30 thousand, 1.4 billion.
fmt_size <- function(x) {
  power <- pmin(pmax(floor(log10(x) / 3), 0), 3)
  text <- vapply(x / 1000^power, format, "", digits = 3)
  ifelse(is.na(x), NA, trimws(paste(text, c("", "thousand", "million", "billion")[power + 1])))
}

fmt_with_ends <- function(x) {
  ends <- paste0(" (", fmt_two(x$lower), " to ", fmt_two(x$upper), ")")
  paste0(fmt_two(x$estimate), ifelse(is.na(x$lower), "", ends))
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

# The bins of SMI with the line, and single facts behind.
smi_picture <- function(results) {
  d <- pick(results$smi_points, model = "smi", predictor = "smi")
  d$arm <- factor(as.character(d$arm), level_order(d$arm))
  d
}

plot_smi <- function(results) {
  d <- smi_picture(results)
  lines <- smi_lines(results)
  ggplot2::ggplot(mapping = ggplot2::aes(x, y)) +
    ggplot2::geom_point(data = d[d$kind == "fact", ], colour = "#999999", alpha = 0.25, size = 0.7) +
    ggplot2::geom_abline(data = lines, ggplot2::aes(slope = slope, intercept = intercept), colour = "#0072B2",
      linewidth = 0.8) +
    ggplot2::geom_point(data = d[d$kind == "bin", ], ggplot2::aes(size = facts), colour = "#0072B2", alpha = 0.8,
      shape = 21, fill = "#56B4E9") +
    ggplot2::geom_errorbar(data = lines, ggplot2::aes(x = 1, ymin = lower, ymax = upper), inherit.aes = FALSE,
      width = 0.03, colour = "#D55E00") +
    ggplot2::geom_point(data = lines, ggplot2::aes(x = 1, y = upper_bound), colour = "#D55E00", size = 2) +
    ggplot2::facet_wrap(~arm) + ggplot2::scale_size_area(max_size = 6, name = "Facts in a bin", breaks = whole_breaks) +
    ggplot2::scale_y_continuous(labels = percent_axis) +
    ggplot2::labs(x = "SMI: what the corpus says of the fact, from 0 to 1", y = "Accuracy") + theme_report()
}

smi_lines <- function(results) {
  of <- function(quantity) smi_rows(results, quantity, "smi")
  bound <- of("upper")
  data.frame(arm = factor(as.character(bound$arm), level_order(smi_picture(results)$arm)),
    slope = of("slope")$estimate, intercept = of("intercept")$estimate, upper_bound = bound$estimate,
    lower = bound$lower, upper = bound$upper)
}

alt_smi <- function(results) {
  lines <- smi_lines(results)
  paste("Points of bins, larger with more facts, and single facts behind.", paste0(lines$arm, ": the line rises from ",
    fmt_percent(lines$intercept), " to ", fmt_percent(lines$upper_bound), ".", collapse = " "))
}

table_smi <- function(results) {
  columns <- c(r2_bins = "R\u00b2, bins", r2_facts = "R\u00b2, facts", r2_left_out = "R\u00b2, left out",
    calibration_slope = "Calibration (slope)", upper = "Line at 1", upper_curve = "Curve at 1", mse = "MSE")
  alone <- smi_rows(results, "r2_bins")
  shown <- lapply(names(columns), function(q) {
    x <- smi_rows(results, q)
    fmt_with_ends(x[match_rows(alone, x, c("arm", "predictor")), ])
  })
  md_table(data.frame(Model = alone$arm, Parameters = fmt_n(alone$parameters),
    Measure = measure_words[as.character(alone$predictor)], Bins = fmt_n(alone$bins),
    stats::setNames(shown, columns), check.names = FALSE), "lrlrrrrrrrr")
}

table_smi_pairs <- function(results) {
  quantities <- c(r2_bins = "R\u00b2, bins", r2_facts = "R\u00b2, facts", r2_left_out = "R\u00b2, left out")
  d <- smi_rows(results, names(quantities), reference = names(measure_words))
  md_table(data.frame(Model = d$arm, Difference = paste(measure_words[as.character(d$predictor)], "less",
    measure_words[as.character(d$reference)]), Of = quantities[as.character(d$quantity)],
  "Difference (95 % interval)" = fmt_with_ends(d), check.names = FALSE), "lllr")
}

table_smi_widths <- function(results) {
  d <- smi_data(results)
  d <- d[startsWith(as.character(d$quantity), "r2_bins") & nzchar(as.character(d$arm)) & reference_of(d) == "", ]
  width <- sub("r2_bins@?", "", as.character(d$quantity))
  width <- ifelse(nzchar(width), width, "5 (the formula)")
  measure <- measure_words[as.character(d$predictor)]
  md_table(data.frame(Model = d$arm, Measure = measure, "Bins in a unit of log2" = width,
    "R\u00b2, bins" = fmt_with_ends(d), check.names = FALSE), "lllr")
}

smi_by_size <- function(results) {
  d <- smi_rows(results, c("r2_bins", "r2_facts"))
  d <- d[is.finite(d$parameters) & nzchar(as.character(d$arm)), ]
  if (length(unique(d$parameters)) < 2) return(d[0, ])
  d$measure <- factor(measure_words[as.character(d$predictor)], measure_words)
  d$of <- ifelse(d$quantity == "r2_bins", "Means of bins", "Single facts")
  d
}

plot_smi_size <- function(results) {
  d <- smi_by_size(results)
  ggplot2::ggplot(d, ggplot2::aes(parameters, estimate, colour = measure)) +
    ggplot2::geom_line() +
    ggplot2::geom_pointrange(ggplot2::aes(ymin = lower, ymax = upper, shape = measure),
      position = ggplot2::position_dodge(width = 0.05)) +
    ggplot2::facet_wrap(~of) + ggplot2::scale_x_log10(labels = fmt_size) +
    ggplot2::scale_colour_manual(values = colours_for(levels(d$measure)), name = "Measure") +
    ggplot2::scale_shape_discrete(name = "Measure") +
    ggplot2::labs(x = "Parameters of the model", y = "R\u00b2 (95 % interval)") + theme_report()
}

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
      fmt_number(x$concordance[1], 3), if (!is.finite(x$hr[1])) " with counts of subject and object", " to ",
      fmt_number(after$concordance, 3), with_gain(after$gain_lower, after$gain_upper), say_measure(x), ".")
  }, "")
  ratios <- any(is.finite(d$hr))
  paste0("The same rows, ", if (ratios) "first without what the corpus says of a fact and then with it" else
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
    " without counts, ", fmt_hr(after$hr, after$lower, after$upper), " with those of subject, object and both", toward,
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

plot_mediation <- function(results) {
  d <- mediated(results)
  d$panel <- paste0(first_upper(as.character(d$outcome)), ": ", lower_first(term_words(d)))
  d$panel <- factor(d$panel, unique(d$panel))
  d$step <- factor(d$step, rev(levels(d$step)))
  ggplot2::ggplot(d, ggplot2::aes(hr, step, xmin = lower, xmax = upper)) +
    ggplot2::geom_vline(xintercept = 1, colour = "#555555", linewidth = 0.4) +
    ggplot2::geom_pointrange(colour = "#0072B2") +
    ggplot2::geom_text(ggplot2::aes(label = paste("concordance", fmt_number(concordance, 3))), vjust = -1, size = 3) +
    ggplot2::facet_wrap(~panel, scales = "free_x", labeller = ggplot2::as_labeller(function(x) wrap(x, 26))) +
    ggplot2::scale_x_log10(expand = ggplot2::expansion(0.3)) + # room for the words beside a point at the end
    ggplot2::labs(x = "Hazard ratio (95 % interval, log scale)", y = NULL) + theme_report()
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
  shown <- data.frame(Outcome = d$outcome, Counts = d$step)
  if (any(is.finite(d$hr))) {
    shown <- cbind(shown, Predictor = term_words(d), "Hazard ratio" = fmt_hr(d$hr, d$lower, d$upper))
  }
  md_table(cbind(shown, Concordance = fmt_number(d$concordance, 3),
    "Gain over the row before" = ifelse(is.na(d$added_lower), "\u2013", gain),
    "Likelihood ratio test against the row before" = ifelse(is.na(d$chisq), "\u2013", test)),
  paste0("ll", if (ncol(shown) > 2) "lr", "rrr"))
}
