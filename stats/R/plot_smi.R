#' Accuracy by what the corpus says of a fact
#'
#' `plot_smi()`: bins of facts with their line, single facts behind, and what the line foretells where a fact is said as
#' clearly as can be. `plot_smi_size()`: how well each measure foretells, by the size of the model.
#'
#' @param smi,points tables `smi` and `smi_points` of [accuracy_by_counts()].
#' @return A ggplot.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' line <- smi_line(c(0, 0, 0.5, 1), c(0, 0.1, 0.3, 0.5))
#' smi <- data.frame(arm = "small", predictor = "smi", reference = "", quantity = c("slope", "intercept", "upper"),
#'                   estimate = c(0.45, 0.05, 0.5), lower = NA, upper = NA)
#' plot_smi(smi, cbind(line$bins, arm = "small", predictor = "smi", kind = "bin"))
#' @export
plot_smi <- function(smi, points) {
  needs_plots()
  d <- points[as.character(points$predictor) == "smi", ]
  d$arm <- factor(as.character(d$arm), level_order(d$arm))
  lines <- smi_lines(smi, levels(d$arm))
  ggplot2::ggplot(mapping = columns_as(x = "x", y = "y")) +
    ggplot2::geom_point(data = d[d$kind == "fact", ], colour = "#999999", alpha = 0.25, size = 0.7) +
    ggplot2::geom_abline(data = lines, columns_as(slope = "slope", intercept = "intercept"), colour = "#0072B2",
                         linewidth = 0.8) +
    ggplot2::geom_point(data = d[d$kind == "bin", ], columns_as(size = "facts"), colour = "#0072B2", alpha = 0.8,
                        shape = 21, fill = "#56B4E9") +
    ggplot2::geom_errorbar(data = lines, columns_as(x = "1", ymin = "lower", ymax = "upper"), inherit.aes = FALSE,
                           width = 0.03, colour = "#D55E00") +
    ggplot2::geom_point(data = lines, columns_as(x = "1", y = "upper_bound"), colour = "#D55E00", size = 2) +
    ggplot2::facet_wrap("arm") +
    ggplot2::scale_size_area(max_size = 6, name = "Facts in a bin", breaks = whole_breaks,
                             guide = ggplot2::guide_legend(nrow = 1)) +
    ggplot2::scale_y_continuous(labels = percent_axis) +
    ggplot2::labs(x = "SMI: what the corpus says of the fact, from 0 to 1", y = "Accuracy") + theme_figures()
}

# The line of each model by SMI, and its end at 1.
smi_lines <- function(smi, arms = level_order(smi$arm)) {
  alone <- smi[as.character(smi$predictor) == "smi" & reference_of(smi) == "", ]
  of <- function(quantity) alone[as.character(alone$quantity) == quantity, ]
  data.frame(arm = factor(as.character(of("upper")$arm), arms), slope = of("slope")$estimate,
             intercept = of("intercept")$estimate, upper_bound = of("upper")$estimate, lower = of("upper")$lower,
             upper = of("upper")$upper)
}

#' @rdname plot_smi
#' @export
plot_smi_size <- function(smi) {
  needs_plots()
  d <- smi_sizes(smi)
  ggplot2::ggplot(d, columns_as(x = "parameters", y = "estimate", colour = "measure")) +
    ggplot2::geom_line() +
    ggplot2::geom_pointrange(columns_as(ymin = "lower", ymax = "upper", shape = "measure"),
                             position = ggplot2::position_dodge(width = 0.05)) +
    ggplot2::facet_wrap("of") + ggplot2::scale_x_log10(labels = fmt_size) +
    ggplot2::scale_colour_manual(values = colours_for(levels(d$measure)), name = "Measure") +
    ggplot2::scale_shape_discrete(name = "Measure") +
    ggplot2::labs(x = "Parameters of the model", y = "R\u00b2 (95 % interval)") + theme_figures()
}

measure_words <- c(co_occur = "co-occurrence", mi = "mutual information", smi = "SMI")

# R-squared of each model of two sizes or more, by each measure alone.
smi_sizes <- function(smi) {
  d <- smi[reference_of(smi) == "" & as.character(smi$quantity) %in% c("r2_bins", "r2_facts"), , drop = FALSE]
  d <- d[as.character(d$predictor) %in% names(measure_words), , drop = FALSE]
  d <- d[is.finite(d$parameters) & nzchar(as.character(d$arm)), , drop = FALSE]
  if (length(unique(d$parameters)) < 2) return(d[0, , drop = FALSE])
  d$measure <- factor(measure_words[as.character(d$predictor)], measure_words)
  d$of <- ifelse(d$quantity == "r2_bins", "Means of bins", "Single facts")
  d
}
