#' What was known before training, by relation
#'
#' @param baseline,facts tables of a results folder (`docs/tables.md`, [read_table()]).
#' @param most relations that have a bar of their own; the smallest ones share the last.
#' @return `plot_knowledge()` a ggplot. `knowledge_by_relation()` its table: a row for each relation and class, with
#'   `mean` facts per run, their `share` of the relation, and `facts` in it.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' facts <- data.frame(fact_id = 1:6, relation = rep(c("capital", "currency"), each = 3))
#' baseline <- data.frame(run = "lora-1", fact_id = 1:6,
#'                        knowledge = c("known", "known", "latent", "latent", "unknown", "unknown"))
#' knowledge_by_relation(baseline, facts)
#' plot_knowledge(baseline, facts)
#' @export
plot_knowledge <- function(baseline, facts, most = 15) {
  needs_plots()
  d <- knowledge_by_relation(baseline, facts, most)
  known <- d[d$knowledge == "known", ]
  label <- function(r) paste0(wrap(r, 24), " (", fmt_n(known$facts[match(r, known$relation)]), ")")
  d$relation <- factor(d$relation, known$relation[order(known$share)])
  d$told <- ifelse(d$share >= 0.08, fmt_percent(d$share, 0), "")
  ggplot2::ggplot(d, columns_as(x = "share", y = "relation", fill = "knowledge")) +
    ggplot2::geom_col(width = 0.75, position = ggplot2::position_stack(reverse = TRUE), colour = "white",
                      linewidth = 0.3) +
    ggplot2::geom_text(columns_as(label = "told", colour = "knowledge"), size = 3.4, show.legend = FALSE,
                       position = ggplot2::position_stack(vjust = 0.5, reverse = TRUE)) +
    ggplot2::scale_fill_manual(values = knowledge_colours, name = NULL) +
    ggplot2::scale_colour_manual(values = c(known = "white", latent = "black", unknown = "black"), guide = "none") +
    ggplot2::scale_x_continuous(labels = percent_axis, expand = ggplot2::expansion(c(0, 0.02))) +
    ggplot2::scale_y_discrete(labels = label) +
    ggplot2::labs(x = "Share of the facts of a relation", y = NULL) + theme_figures() +
    ggplot2::theme(panel.grid.major.y = ggplot2::element_blank())
}

#' @rdname plot_knowledge
#' @export
knowledge_by_relation <- function(baseline, facts, most = 15) {
  relation <- as.character(facts$relation[match(as.character(baseline$fact_id), as.character(facts$fact_id))])
  size <- sort(table(relation), decreasing = TRUE)
  if (length(size) > most) relation[relation %in% names(size)[most:length(size)]] <- "all other relations"
  runs <- max(1, length(unique(as.character(baseline$run))))
  classes <- names(knowledge_colours)
  count <- as.data.frame(table(relation = relation, knowledge = factor(baseline$knowledge, classes)),
                         stringsAsFactors = FALSE)
  count$facts <- stats::ave(count$Freq, count$relation, FUN = sum) / runs
  count$share <- count$Freq / runs / count$facts
  count$mean <- count$Freq / runs
  count$knowledge <- factor(count$knowledge, classes)
  count
}
