# Extractive scores as heat maps: which layer, at which token, holds what was learned and makes it count.

score_names <- c("informative", "downstream", "upstream")

#' Mean scores of the prompts that most facts share, one relation and number of tokens for each pair of weights.
scores_data <- function(results) {
  d <- results$score_means
  if (is.null(d) || !nrow(d)) return(data.frame())
  arm <- as.character(d$arm)
  kind <- paste(d$relation, d$tokens)
  facts <- tapply(d$facts, list(kind, arm), max)
  keep <- vapply(seq_len(nrow(d)), function(i) kind[i] == rownames(facts)[which.max(facts[, arm[i]])], NA)
  d <- d[keep, , drop = FALSE]
  panel <- paste(d$arm, d$component, d$score)
  greatest <- tapply(abs(d$mean), panel, function(x) if (all(is.na(x))) NA else max(x, na.rm = TRUE))
  d$share <- d$mean / ifelse(greatest[panel] > 0, greatest[panel], 1)
  d
}

#' "2: lives", with a star where prompts differ.
score_columns <- function(d) paste0(d$position + 1, ": ", trimws(as.character(d$token)), ifelse(d$same, "", "*"))

plot_scores <- function(results, arm) {
  d <- scores_data(results)
  d <- d[as.character(d$arm) == arm & !is.na(d$share), , drop = FALSE]
  columns <- score_columns(d)
  d$column <- factor(columns, unique(columns[order(d$position)]))
  d$score <- factor(d$score, score_names, first_upper(score_names))
  d$component <- factor(d$component, c("mlp", "attention"), c("MLPs", "Attention heads, together"))
  ggplot2::ggplot(d, ggplot2::aes(column, layer, fill = share)) + ggplot2::geom_tile() +
    ggplot2::facet_grid(component ~ score) +
    ggplot2::scale_fill_gradient2(low = "#D55E00", mid = "#F7F7F7", high = "#0072B2", limits = c(-1, 1),
      name = "Score, of the panel's greatest") +
    ggplot2::scale_y_continuous(breaks = seq(0, max(d$layer), by = max(1, ceiling(max(d$layer) / 8))),
      expand = ggplot2::expansion(0)) +
    ggplot2::scale_x_discrete(expand = ggplot2::expansion(0)) +
    ggplot2::labs(x = NULL, y = "Layer (from 0)") + theme_report() +
    ggplot2::theme(axis.text.x = ggplot2::element_text(angle = 45, hjust = 1),
      panel.grid.major = ggplot2::element_blank())
}

#' Where each score is greatest.
score_peaks <- function(results, arm) {
  d <- scores_data(results)
  d <- d[as.character(d$arm) == arm & !is.na(d$share), , drop = FALSE]
  cells <- split(d, list(factor(d$component, c("mlp", "attention")), factor(d$score, score_names)), drop = TRUE)
  vapply(cells, function(x) {
    top <- x[which.max(x$mean), ]
    if (top$mean <= 0) return("")
    paste0(c(mlp = "MLPs", attention = "attention heads")[as.character(top$component)], ", ", top$score, ": layer ",
      top$layer, " at \u201c", score_columns(top), "\u201d (", fmt_number(top$mean), ")")
  }, "")
}

say_scores <- function(results, arm) {
  d <- scores_data(results)
  d <- d[as.character(d$arm) == arm, , drop = FALSE]
  peaks <- score_peaks(results, arm)
  peaks <- peaks[nzchar(peaks)]
  found <- paste0("Greatest: ", md(paste(peaks, collapse = "; ")), ".")
  if (!length(peaks)) found <- "No component lowers the loss."
  paste0("**", md(arm), "**: means over ", fmt_n(max(d$facts)), " prompts of ",
    md(plain_name(as.character(d$relation)[1])), " in ", plural(max(d$runs), "run"), ". ", found)
}

alt_scores <- function(results, arm) {
  peaks <- score_peaks(results, arm)
  paste0("Heat maps of layer by token for ", arm, ". Greatest: ", paste(peaks[nzchar(peaks)], collapse = "; "), ".")
}
