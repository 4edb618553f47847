# Extractive scores as heat maps: which layer, at which token, holds what was learned and makes it count.

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

figure_scores <- function(results, arm) {
  d <- scores_data(results)
  plot_scores(d[as.character(d$arm) == arm, , drop = FALSE])
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
    md(plain_name(as.character(d$relation)[1])), " in ", plural(max(d$runs), "run"), ". ", found,
    say_scored_facts(results, arm))
}

#' With how many counterfactual prompts, and how many facts have no scores, and why.
say_scored_facts <- function(results, arm) {
  d <- results$score_facts
  if (is.null(d) || !nrow(d)) return("")
  d <- d[as.character(d$arm) == arm, , drop = FALSE]
  d <- d[!duplicated(d$fact_id), , drop = FALSE]
  why <- as.character(d$left_out)
  prompts <- sort(unique(d$counterfactuals[!nzchar(why)]))
  said <- paste0(" Upstream scores compare each prompt with ", paste(unique(range(prompts)), collapse = " to "),
    if (max(prompts) == 1) " prompt" else " prompts", " of another subject.")
  gone <- table(why[nzchar(why)])
  if (!length(gone)) return(said)
  paste0(said, " Left out: ", paste0(fmt_n(as.integer(gone)), " of ", plural(nrow(d), "fact"), " (", names(gone), ")",
    collapse = ", "), ".")
}

alt_scores <- function(results, arm) {
  peaks <- score_peaks(results, arm)
  paste0("Heat maps of layer by token for ", arm, ". Greatest: ", paste(peaks[nzchar(peaks)], collapse = "; "), ".")
}
