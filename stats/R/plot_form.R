#' Is a straight line enough?
#'
#' Left the martingale residuals with their smooth, right the curves on the log hazard; one row a predictor.
#'
#' @param x the tables `form_points` and `form_curves` of [form_tables()], as a list.
#' @param words function of terms, which gives panels their names.
#' @return A ggplot.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"))
#' plot_form(form_tables(ready$data, ready$covariates)$tables)
#' @export
plot_form <- function(x, words = identity) {
  needs_plots()
  points <- x$form_points
  curves <- x$form_curves
  terms <- unique(as.character(curves$term))
  sides <- c("martingale residuals", "log hazard")
  named <- function(term) wrap(words(as.character(term)), 30)
  all <- paste0(rep(named(terms), each = 2), "\n", rep(sides, length(terms)))
  points$panel <- factor(paste0(named(points$term), "\n", sides[1]), all)
  curves$panel <- factor(paste0(named(curves$term), "\n", ifelse(curves$shape == "residuals", sides[1], sides[2])), all)
  shapes <- c(residuals = "smooth", pspline = "penalised spline", straight = "straight line", log = "logarithm",
              spline = "natural spline")
  curves$kind <- factor(shapes[as.character(curves$shape)], shapes)
  colours <- stats::setNames(c("#0072B2", "#0072B2", "#D55E00", "#009E73", "#CC79A7"), shapes)
  lines <- stats::setNames(c("solid", "solid", "dashed", "dotted", "dotdash"), shapes)
  told <- unname(shapes[-1])
  ggplot2::ggplot(curves, columns_as(x = "value", y = "fit")) +
    ggplot2::geom_hline(yintercept = 0, colour = "#999999", linewidth = 0.3) +
    ggplot2::geom_point(data = points, columns_as(x = "value", y = "residual"), size = 0.9, alpha = 0.35,
                        colour = "#555555") +
    ggplot2::geom_ribbon(data = form_bands(curves), columns_as(ymin = "lower", ymax = "upper"), fill = "#0072B2",
                         alpha = 0.2) +
    ggplot2::geom_line(columns_as(colour = "kind", linetype = "kind"), linewidth = 0.9) +
    ggplot2::facet_wrap("panel", scales = "free", ncol = 2) +
    ggplot2::scale_colour_manual(values = colours, breaks = told, name = NULL) +
    ggplot2::scale_linetype_manual(values = lines, breaks = told, name = NULL) +
    ggplot2::labs(x = "Value of the predictor", y = NULL) + theme_figures()
}

# A wild end of a band must not flatten the curve: what lies beyond three times the curves' own span is cut.
form_bands <- function(curves) {
  band <- curves[curves$shape %in% c("residuals", "pspline"), ]
  for (p in unique(as.character(band$panel))) {
    own <- range(curves$fit[curves$panel == p], 0, na.rm = TRUE)
    here <- band$panel == p
    band$lower[here] <- pmax(band$lower[here], own[1] - diff(own))
    band$upper[here] <- pmin(band$upper[here], own[2] + diff(own))
  }
  band
}
