#' Mean ranks of the right answer over time
#'
#' @param ranks table `mean_ranks` of [mean_ranks()]; rows of `part` `curve` are drawn.
#' @param kind function of the rows, which gives the panels their names.
#' @param time unit of the time axis, one of it.
#' @param wording function that puts the figure's own words into the reader's.
#' @return A ggplot, each recipe with its band; dashed, what chance gives.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' ranks <- data.frame(part = "curve", role = "fact", relation = "capital", set = "", epoch = 0:3, options = 20,
#'                     arm = "lora", reference = "", estimate = c(9, 6, 2, 1))
#' ranks$lower <- ranks$estimate - 0.5
#' ranks$upper <- ranks$estimate + 0.5
#' plot_ranks(ranks)
#' @export
plot_ranks <- function(ranks, kind = rank_kinds, time = "epoch", wording = identity) {
  needs_plots()
  d <- by_itself(ranks[ranks$part == "curve", , drop = FALSE])
  d$kind <- factor(kind(d), unique(kind(d)))
  d$lower <- ifelse(is.na(d$lower), d$estimate, d$lower)
  d$upper <- ifelse(is.na(d$upper), d$estimate, d$upper)
  chance <- unique(data.frame(kind = d$kind, chance = (d$options - 1) / 2))
  ggplot2::ggplot(d, columns_as(x = "epoch", y = "estimate", colour = "arm", fill = "arm")) +
    ggplot2::geom_hline(data = chance, columns_as(yintercept = "chance"), colour = "#555555", linewidth = 0.4,
                        linetype = "dashed") +
    ggplot2::geom_ribbon(columns_as(ymin = "lower", ymax = "upper"), alpha = 0.12, colour = NA) +
    ggplot2::geom_line(columns_as(linetype = "arm"), linewidth = 0.9) +
    ggplot2::facet_wrap("kind", ncol = 2, labeller = ggplot2::as_labeller(function(x) wrap(x, 40))) +
    by_recipe(colours_for(level_order(d$arm)), wording) +
    ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::scale_y_continuous(limits = c(0, NA)) +
    ggplot2::labs(x = first_upper(time), y = "Mean rank (0 is best)") + theme_figures()
}

# Facts or implications, of which relation and set.
rank_kinds <- function(d, words = identity) {
  set <- ifelse(is.na(d$set), "", as.character(d$set))
  paste0(first_upper(as.character(d$role)), "s: ", words(as.character(d$relation)),
         ifelse(nzchar(set), paste0(" (", words(set), ")"), ""))
}
