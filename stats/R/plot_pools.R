#' Means over pools of facts, by step
#'
#' Thin lines are runs, thick ones their means. With `plateaus` the plateau of the loss is shaded, from the end of the
#' first phase to where knowledge begins, and the loss of who knows nothing is dashed.
#'
#' @param pools table `pools` of a results folder (`docs/tables.md`, [read_table()]).
#' @param quantity which of its quantities; NULL for rows that are chosen already (with columns `panel` and `what`).
#' @param colours,words of the lines, named by pool.
#' @param name,y of the legend and of the axis.
#' @param plateaus table `phases` of [learning_phases()].
#' @return A ggplot, a panel a recipe.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' pools <- data.frame(run = "a-1", arm = "a", pool = "seen", quantity = "loss", layer = 0L,
#'                     step = c(0, 10, 100, 1000), mean = c(6, 3.6, 3.5, 0.2))
#' plot_pools(pools, "loss")
#' @export
plot_pools <- function(pools, quantity = NULL, colours = pool_colours, words = pool_words, name = "Facts",
                       y = quantity, plateaus = NULL) {
  needs_plots()
  d <- if (is.null(quantity)) pools else pools_of(pools, quantity)
  if (is.null(d$what)) d$what <- d$pool
  plot <- ggplot2::ggplot(d, columns_as(x = "step", y = "mean", colour = "what"))
  if (!is.null(plateaus)) plot <- plot + plateau_shades(plateau_bands(plateaus, levels(d$panel)))
  plot <- plot +
    ggplot2::geom_line(columns_as(group = "interaction(run, what, layer)"), linewidth = 0.35, alpha = 0.5) +
    ggplot2::stat_summary(columns_as(group = "interaction(what, layer)"), fun = mean, geom = "line", linewidth = 1) +
    ggplot2::facet_wrap("panel", ncol = 3, labeller = ggplot2::as_labeller(function(x) wrap(x, 28))) +
    ggplot2::scale_colour_manual(values = colours, labels = words, name = name) + step_axis() +
    ggplot2::labs(x = "Step (logarithmic)", y = y) + theme_figures()
  if (is.null(plateaus)) return(plot)
  none <- unique(pool_means(pools_of(pools, "baseline", "seen"))[c("panel", "mean")])
  plot + ggplot2::geom_hline(data = none[!duplicated(none$panel), ], columns_as(yintercept = "mean"),
                             linetype = "dashed", colour = "#333333")
}

pool_words <- c(seen = "seen", new = "new", unseen = "never taught")
pool_colours <- c(seen = "#0072B2", new = "#D55E00", unseen = "#CC79A7")

# Rows of quantities, of each run; the panel is the training recipe, in the order of the study file.
pools_of <- function(pools, quantity, pool = names(pool_words)) {
  if (!nrow(pools)) return(pools)
  d <- pools[as.character(pools$quantity) %in% quantity & as.character(pools$pool) %in% pool, , drop = FALSE]
  for (name in c("run", "pool", "quantity")) d[[name]] <- as.character(d[[name]])
  d$panel <- factor(as.character(d$arm), level_order(pools$arm))
  d
}

# Means over the runs of a recipe.
pool_means <- function(d) {
  if (!nrow(d)) return(d)
  stats::aggregate(mean ~ panel + pool + quantity + layer + step, d, mean)
}

# Steps as their logarithm, with a place for the start.
step_axis <- function() {
  breaks <- function(limits) {
    tens <- 10^(0:7)
    c(0, tens[tens <= limits[2]])
  }
  ggplot2::scale_x_continuous(transform = "pseudo_log", breaks = breaks, labels = fmt_n)
}

# From where phase 1 ended to where the plateau did, in the middle run of each recipe.
plateau_bands <- function(phases, arms = level_order(phases$arm)) {
  parts <- split(phases, droplevels(factor(as.character(phases$arm), arms)))
  bands <- do.call(rbind, lapply(names(parts), function(arm) {
    end <- stats::median(ifelse(is.na(parts[[arm]]$right), Inf, parts[[arm]]$right))
    data.frame(panel = factor(arm, arms), from = stats::median(parts[[arm]]$phase1_right), to = end)
  }))
  bands[!is.na(bands$from) & bands$to > bands$from, , drop = FALSE]
}

plateau_shades <- function(bands) {
  if (nrow(bands)) {
    ggplot2::geom_rect(data = bands, columns_as(xmin = "from", xmax = "to", ymin = "-Inf", ymax = "Inf"),
                       fill = "#999999", alpha = 0.2, inherit.aes = FALSE)
  }
}
