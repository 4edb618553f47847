#' Random effects in their order, each with its interval
#'
#' @param effects table `random_effects` of [cox_mixed()] or [frailty_gamma()], or what `ranked_effects()` made of it.
#' @param by names of the panels, one for each row; by default the grouping.
#' @param interval what the intervals are.
#' @param names function of `level` and `grouping`, which gives the rows their names.
#' @param ends of more than three times as many levels, how many of the lowest and the highest are kept.
#' @return `plot_caterpillar()` a ggplot. `ranked_effects()` the rows in the order of their effects, the largest last.
#'   Levels with the same effect (facts with the same history and the same predictors) share a row, and so do those
#'   that lie wholly beyond what figures tell apart: `name` says so, `alike` how many they are.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' learned <- simulate_learning(facts = 120, seeds = 1, variance = c(group = 0.5), seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"))
#' fit <- frailty_gamma(ready$data, ready$covariates, random = "group")
#' plot_caterpillar(fit$tables$random_effects)
#' @export
plot_caterpillar <- function(effects, by = NULL, interval = "95 % interval") {
  needs_plots()
  d <- if (is.null(effects$name)) ranked_effects(effects) else effects
  if (is.null(by)) by <- as.character(d$grouping)
  d$row <- factor(seq_len(nrow(d)))
  d$by <- factor(by, unique(c(intersect(c("Soonest", "Latest"), by), by)))
  span <- ratio_span(d$hr, d$lower, d$upper, least = c(0.5, 2))
  apart <- is.finite(d$lower) & (d$lower > 1 | d$upper < 1)
  d$apart <- factor(ifelse(apart, "interval excludes 1", "interval includes 1"),
                    c("interval excludes 1", "interval includes 1"))
  ggplot2::ggplot(within_span(d, span), columns_as(x = "hr", y = "row", colour = "apart", shape = "apart")) +
    ratio_marks(span, size = 2.2) +
    ggplot2::facet_grid(by ~ ., scales = "free_y", space = "free_y") +
    ggplot2::scale_y_discrete(labels = stats::setNames(wrap(d$name, 44), d$row)) +
    ggplot2::scale_colour_manual(values = stats::setNames(c("#D55E00", "#0072B2"), levels(d$apart)), name = NULL) +
    ggplot2::scale_shape_manual(values = stats::setNames(c(18, 16), levels(d$apart)), name = NULL) +
    ggplot2::labs(x = paste0("Hazard relative to 1 (log scale), ", interval), y = NULL) + theme_figures() +
    ggplot2::theme(panel.grid.major.y = ggplot2::element_blank(), strip.text.y = ggplot2::element_text(angle = 0))
}

#' @rdname plot_caterpillar
#' @export
ranked_effects <- function(effects, names = function(level, grouping) as.character(level), ends = 10) {
  d <- effects[order(match(as.character(effects$grouping), unique(as.character(effects$grouping))), effects$hr), ,
               drop = FALSE]
  told <- function(x) signif(pmin(pmax(x, ratio_limits[1]), ratio_limits[2]), 4)
  number <- function(x) match(x, unique(x)) # there may be a million levels
  same <- number(do.call(paste, lapply(list(d$grouping, told(d$hr), told(d$lower), told(d$upper)), number)))
  d$alike <- tabulate(same)[same]
  d <- d[!duplicated(same), , drop = FALSE]
  d$name <- names(d$level, d$grouping)
  others <- ifelse(d$alike > 2, paste(fmt_n(d$alike - 1), "others"), "1 other")
  d$name <- paste0(d$name, ifelse(d$alike > 1, paste0(" and ", others, " alike"), ""))
  place <- stats::ave(d$hr, as.character(d$grouping), FUN = function(x) rank(x, ties.method = "first"))
  size <- stats::ave(d$hr, as.character(d$grouping), FUN = length)
  d[size <= 3 * ends | place <= ends | place > size - ends, , drop = FALSE]
}
