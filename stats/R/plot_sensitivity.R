#' What choices of the analysis do to a hazard ratio
#'
#' `plot_sensitivity()`: by event rule and method for ties. `plot_latent()`: by what counts as latent knowledge.
#'
#' @param sensitivity table `sensitivity` of [sensitivity()] or of a results folder.
#' @param definitions table `latent_definitions` of [latent_definitions()] or of a results folder.
#' @param panel,row,words functions of the rows, which give panels and rows their names.
#' @return A ggplot.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"))
#' plot_sensitivity(sensitivity(ready$data, ready$covariates)$tables$sensitivity)
#' @export
plot_sensitivity <- function(sensitivity, panel = function(d) paste0(capital_of(d$outcome), as.character(d$label)),
                             row = function(d) if (is.null(d$rule)) rep("", nrow(d)) else as.character(d$rule)) {
  needs_plots()
  d <- if (is.factor(sensitivity$method)) sensitivity else sensitivity_rows(sensitivity)
  d$panel <- panel(d)
  d$panel <- factor(d$panel, unique(d$panel))
  first <- if (is.null(d$rule)) d[1L, ] else d[match(level_order(d$rule), as.character(d$rule)), ]
  d$row <- factor(row(d), rev(row(first)))
  methods <- rev(unname(ties_words))
  ratio_panels(d, "method", stats::setNames(rev(palette_okabe[c(1:3, 7)]), methods),
               stats::setNames(c(4, 15, 17, 16), methods), ggplot2::position_dodge(width = 0.7),
               ggplot2::guide_legend(reverse = TRUE))
}

ties_words <- c(efron = "Efron", breslow = "Breslow", cloglog = "grouped time (cloglog)",
                logit = "odds ratio (discrete logistic)")

# Rows with a finite estimate; of a factor with several levels the first contrast stands for all.
sensitivity_rows <- function(d) {
  d <- d[!(d$infinite %in% TRUE) & is.finite(d$estimate), ]
  d <- d[!duplicated(d[intersect(c("outcome", "rule", "method"), names(d))]), ]
  d$method <- factor(ties_words[as.character(d$method)], rev(ties_words))
  d
}

capital_of <- function(outcome) if (is.null(outcome)) "" else paste0(first_upper(as.character(outcome)), ": ")

# Ratios in rows, a panel under the other, with two looks for what tells them apart.
ratio_panels <- function(d, kind, colours, shapes, place = "identity", guide = "legend") {
  span <- ratio_span(d$hr, d$lower, d$upper)
  ggplot2::ggplot(within_span(d, span), columns_as(x = "hr", y = "row", colour = kind, shape = kind)) +
    ratio_marks(span, place) + ggplot2::facet_wrap("panel", ncol = 1) +
    ggplot2::scale_colour_manual(values = colours, name = NULL, guide = guide) +
    ggplot2::scale_shape_manual(values = shapes, name = NULL, guide = guide) +
    ggplot2::labs(x = "Hazard ratio (log scale), 95 % interval", y = NULL) + theme_figures()
}

#' @rdname plot_sensitivity
#' @export
plot_latent <- function(definitions, words = definition_words) {
  needs_plots()
  d <- definitions[!(definitions$infinite %in% TRUE) & is.finite(definitions$estimate), , drop = FALSE]
  outcome <- if (is.null(d$outcome)) rep("", nrow(d)) else first_upper(as.character(d$outcome))
  d$panel <- factor(outcome, unique(outcome))
  d$words <- words(d)
  order <- order(match(d$definition, c("drawn", "half", "graded")), !is.na(d$temperature), d$temperature, d$samples)
  d$row <- factor(d$words, rev(unique(d$words[order])))
  kinds <- c("drawn", "without the noise of drawing", "graded")
  d$kind <- factor(ifelse(d$definition == "half", kinds[2], as.character(d$definition)), kinds)
  ratio_panels(d, "kind", stats::setNames(palette_okabe[c(2, 1, 3)], kinds), stats::setNames(c(18, 16, 15), kinds))
}

# `own`: the temperature of the study's samples, where a row states none.
definition_words <- function(d, own = NA_real_) {
  at <- fmt_time(ifelse(is.na(d$temperature), own, d$temperature))
  ifelse(d$definition == "drawn", "as drawn in this study",
         ifelse(d$definition == "graded", "graded: log probability, per SD",
                paste0("chance at least half, K = ", d$samples, ", temperature ", at)))
}
