#' The hazard ratio without single facts and runs
#'
#' @param influence table `influence` of [influence_tables()].
#' @param hr the ratio of all rows, drawn as a dashed line; NULL for none.
#' @param term the predictor; by default the first.
#' @param names function of `unit` and `aspect` (`fact` or `run`), which gives the rows their names.
#' @return A ggplot.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' learned <- simulate_learning(facts = 60, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"))
#' plot_influence(influence_tables(ready$data, ready$covariates)$tables$influence)
#' @export
plot_influence <- function(influence, hr = NULL, term = NULL, names = function(unit, aspect) as.character(unit)) {
  needs_plots()
  d <- without_one(influence, term)
  d$row <- factor(seq_len(nrow(d)))
  panels <- c(fact = "Without the fact", run = "Without the run")
  d$panel <- factor(panels[as.character(d$aspect)], panels)
  span <- ratio_span(0.8 * d$hr_without, 1.25 * d$hr_without, d$lower, d$upper, least = 1)
  within <- data.frame(hr = as.numeric(hr[which(hr >= span[1] & hr <= span[2])]))
  d$colour <- "#0072B2"
  ggplot2::ggplot(within_span(d, span, d$hr_without), columns_as(x = "hr_without", y = "row", colour = "colour")) +
    ggplot2::scale_colour_identity() +
    ggplot2::geom_vline(data = within, columns_as(xintercept = "hr"), colour = "#D55E00", linetype = "dashed",
                        linewidth = 0.8) +
    ratio_marks(span) +
    ggplot2::facet_grid(panel ~ ., scales = "free_y", space = "free_y") +
    ggplot2::scale_y_discrete(labels = stats::setNames(wrap(names(d$unit, d$aspect), 40), d$row)) +
    ggplot2::labs(x = "Hazard ratio (log scale)", y = NULL) + theme_figures() +
    ggplot2::theme(strip.text.y = ggplot2::element_text(angle = 0))
}

# Rows of facts and of runs that move a term, the least first.
without_one <- function(influence, term = NULL) {
  d <- influence[influence$aspect %in% c("fact", "run"), , drop = FALSE]
  if (is.null(term)) term <- as.character(d$term)[1L]
  d <- d[d$term %in% term & is.finite(d$hr_without), , drop = FALSE]
  d[order(match(as.character(d$aspect), c("fact", "run")), -d$rank), , drop = FALSE]
}
