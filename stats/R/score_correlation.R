#' Do the scores of a change tell where it counts?
#'
#' The correlation, over components and tokens, of the mean informative score of one pair of weights (what the change
#' of a component does by itself) with the mean downstream score of a pair (what old weights make of the changed ones
#' before them): where they go together, what was learned sits where it is used. For MLPs and for attention heads apart,
#' of the prompts of one relation that have the most usual number of tokens. Facts (clusters of them) are drawn again;
#' what seeds add is the variance of Fisher's z between runs, over their number, with Student's t by Satterthwaite
#' (1946).
#'
#' @inheritParams accuracy_by_popularity
#' @param data data.frame as the table `scores` of `docs/tables.md`.
#' @return A list like that of [cox()], with the table `score_correlations`: a row for each relation, component and pair
#'   of `informative` and `downstream` (names of `[[scores]]`).
#' @references Feng, Russell and Steinhardt (2024), arXiv 2412.04614 (r2 of .49 for MLPs and .28 for heads). Fisher
#'   (1915), Biometrika 10:507.
#' @export
score_correlation <- function(data, cluster = "fact_id", conf = 0.95, draws = 200L, seed = 1L) {
  data <- usual_prompts(data)
  if (!cluster %in% names(data)) cluster <- "fact_id"
  kinds <- split(data, list(data$relation, data$component), drop = TRUE)
  alone <- n_distinct(data$run) == n_distinct(data$arm)
  rows <- seeded(seed, lapply(kinds, function(own) {
    own$cell <- paste(own$layer, own$head, own$position, sep = "\r")
    arms <- split(own, factor(own$arm), drop = TRUE)
    pairs <- expand.grid(informative = names(arms), downstream = names(arms), stringsAsFactors = FALSE)
    do.call(rbind, lapply(seq_len(nrow(pairs)), function(i) {
      found <- correlation_row(arms[[pairs$informative[[i]]]], arms[[pairs$downstream[[i]]]], cluster, conf, draws)
      if (!is.null(found)) cbind(relation = as.character(own$relation[[1L]]),
                                 component = as.character(own$component[[1L]]), pairs[i, ], found, row.names = NULL)
    }))
  }))
  rows <- do.call(rbind, unname(rows))
  if (is.null(rows)) {
    few <- "nowhere do two clusters of facts have both scores at four places (components and tokens)"
    return(list(status = "not estimable", reason = few))
  }
  list(
    fit = list(formula = "informative ~ downstream, means by component and token",
               engine = paste("factsurv,", draws, "draws")),
    tables = list(score_correlations = rows),
    remarks = if (alone) "one run says nothing about other seeds: intervals count facts only"
  )
}

# Of each relation the prompts with the most usual number of tokens: others have other places.
usual_prompts <- function(data) {
  prompt <- paste(data$arm, data$run, data$fact_id, sep = "\r")
  tokens <- stats::ave(data$position, prompt, FUN = max)
  usual <- tapply(tokens[!duplicated(prompt)], as.character(data$relation[!duplicated(prompt)]), function(n) {
    as.numeric(names(which.max(table(n))))
  })
  take_rows(data, tokens == usual[as.character(data$relation)])
}

correlation_row <- function(from, to, cluster, conf, draws) {
  informative <- cell_means(from, "informative", cluster)
  downstream <- cell_means(to, "downstream", cluster)
  cells <- intersect(informative$cells, downstream$cells)
  drawn <- intersect(informative$clusters, downstream$clusters)
  z_of <- function(weights, run = NULL) {
    of <- function(x) (if (is.null(run)) Reduce(`+`, x$sums) else x$sums[[run]])[cells, drawn, drop = FALSE] %*% weights
    suppressWarnings(atanh(stats::cor(of(informative), of(downstream))))
  }
  runs <- min(length(informative$sums), length(downstream$sums))
  if (length(cells) < 4L || length(drawn) < 2L) return(NULL)
  ones <- rep(1, length(drawn))
  z <- drop(z_of(ones))
  again <- vapply(seq_len(draws), function(i) drop(z_of(drawn_again(length(drawn), 1L))), 0)
  from_facts <- stats::var(again[is.finite(again)])
  from_runs <- if (runs > 1L) stats::var(vapply(seq_len(runs), function(r) drop(z_of(ones, r)), 0)) / runs else 0
  part <- from_runs / (from_facts + from_runs)
  df <- 1 / ((1 - part)^2 / (length(drawn) - 1L) + part^2 / max(runs - 1L, 1L))
  half <- stats::qt(1 - (1 - conf) / 2, df) * sqrt(from_facts + from_runs)
  ends <- tanh(z + c(-half, half))
  squares <- range(ends^2)
  facts <- n_distinct(to$fact_id[as.character(to[[cluster]]) %in% drawn])
  data.frame(cells = length(cells), facts = facts, runs = runs, estimate = tanh(z), df = df,
             lower = ends[[1L]], upper = ends[[2L]], r2 = tanh(z)^2,
             r2_lower = if (prod(ends) < 0) 0 else squares[[1L]], r2_upper = squares[[2L]])
}

# Sums of a score by cell (rows) and cluster of facts (columns), a matrix for each run. A constant factor, the number of
# facts, is no matter to a correlation.
cell_means <- function(data, score, cluster) {
  cells <- unique(data$cell)
  clusters <- unique(as.character(data[[cluster]]))
  sums <- lapply(split(data, factor(data$run), drop = TRUE), function(own) {
    x <- tapply(own[[score]], list(factor(own$cell, cells), factor(own[[cluster]], clusters)), sum, na.rm = TRUE)
    x[is.na(x)] <- 0
    x
  })
  list(cells = cells, clusters = clusters, sums = unname(sums))
}
