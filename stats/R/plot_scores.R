#' Extractive scores of layers and tokens
#'
#' @param scores rows of one recipe from the table `score_means` of a results folder (`docs/tables.md`): `component`,
#'   `score`, `layer`, `position`, `token`, `same` (is the token the same in all prompts?) and `mean`.
#' @return A ggplot: a tile a layer and token, as a share of its panel's greatest; a star marks tokens that differ.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' scores <- expand.grid(component = c("mlp", "attention"), score = "informative", layer = 0:3, position = 0:1)
#' scores$token <- c("Ada", "lives")[scores$position + 1]
#' scores$same <- scores$position == 1
#' scores$mean <- scores$layer - scores$position
#' plot_scores(scores)
#' @export
plot_scores <- function(scores) {
  needs_plots()
  d <- scores
  panel <- paste(d$component, d$score)
  greatest <- tapply(abs(d$mean), panel, function(x) if (all(is.na(x))) NA else max(x, na.rm = TRUE))
  d$share <- d$mean / ifelse(greatest[panel] > 0, greatest[panel], 1)
  d <- d[!is.na(d$share), , drop = FALSE]
  columns <- score_columns(d)
  d$column <- factor(columns, unique(columns[order(d$position)]))
  d$score <- factor(d$score, score_names, first_upper(score_names))
  d$component <- factor(d$component, c("mlp", "attention"), c("MLPs", "Attention heads, together"))
  ggplot2::ggplot(d, columns_as(x = "column", y = "layer", fill = "share")) + ggplot2::geom_tile() +
    ggplot2::facet_grid(component ~ score) +
    ggplot2::scale_fill_gradient2(low = "#D55E00", mid = "#F7F7F7", high = "#0072B2", limits = c(-1, 1),
                                  name = "Score, of the panel's greatest") +
    ggplot2::scale_y_continuous(breaks = seq(0, max(d$layer), by = max(1, ceiling(max(d$layer) / 8))),
                                expand = ggplot2::expansion(0)) +
    ggplot2::scale_x_discrete(expand = ggplot2::expansion(0)) +
    ggplot2::labs(x = NULL, y = "Layer (from 0)") + theme_figures() +
    ggplot2::theme(axis.text.x = ggplot2::element_text(angle = 45, hjust = 1),
                   panel.grid.major = ggplot2::element_blank())
}

score_names <- c("informative", "downstream", "upstream")

# "2: lives", with a star where prompts differ.
score_columns <- function(d) paste0(d$position + 1, ": ", trimws(as.character(d$token)), ifelse(d$same, "", "*"))
