#' Mean rank of the right answer among its options
#'
#' For each kind of fact (role, relation and set) and each arm: over the checkpoints from the origin on (`curve`), where
#' the stages before it ended (`stage`), and at the end (`end`), there also for each pair of arms as a difference paired
#' by fact. 0 is best; chance is (options - 1) / 2. Facts (or clusters of them) are drawn again within runs, what the
#' seeds add is estimated from the runs, as in [accuracy_by_popularity()].
#'
#' @inheritParams accuracy_by_popularity
#' @param data data.frame as the table `ranks` of `docs/tables.md`.
#' @return A list like that of [cox()], with the table `mean_ranks`: a row for each part, kind of fact, moment, arm and
#'   reference (empty: the arm by itself).
#' @references Feng, Russell and Steinhardt (2024), arXiv 2412.04614 (mean rank). Cameron, Gelbach and Miller (2011),
#'   Journal of Business & Economic Statistics 29:238 (facts and runs).
#' @export
mean_ranks <- function(data, cluster = "fact_id", conf = 0.95, draws = 400L, seed = 1L) {
  data <- take_rows(data, is.finite(data$rank))
  if (!nrow(data)) return(list(status = "not estimable", reason = "no rank was measured"))
  run <- as.character(data$run)
  final <- data$checkpoint == stats::ave(data$checkpoint, run, FUN = max)
  parts <- list(
    curve = take_rows(data, data$checkpoint >= 0L),
    stage = take_rows(data, data$checkpoint <= 0L & data$ends & nzchar(as.character(data$stage))),
    end = take_rows(data, final)
  )
  moment <- list(curve = c("epoch"), stage = c("stage", "checkpoint"), end = character())
  alone <- unmet <- NULL
  rows <- seeded(seed, lapply(names(parts), function(part) {
    if (!nrow(parts[[part]])) return(NULL) # one stage: none ends before the origin
    kinds <- split(parts[[part]], row_patterns(parts[[part]], c("role", "relation", "set", moment[[part]])))
    do.call(rbind, lapply(kinds, function(own) {
      values <- values_by_arm(own, own$rank)
      if (!nrow(values[[1L]])) {
        unmet <<- union(unmet, paste(own$role[[1L]], own$relation[[1L]], own$set[[1L]]))
        return(NULL)
      }
      if (part == "end") alone <<- union(alone, one_run_words(values))
      group <- clusters_of(own[match(rownames(values[[1L]]), as.character(own$fact_id)), , drop = FALSE], cluster)
      weights <- drawn_again(max(group), draws)
      contrasts <- contrasts_of(values)
      if (part != "end") contrasts <- contrasts[seq_along(values)]
      do.call(rbind, lapply(contrasts, function(one) ranks_row(one, own, part, group, weights, conf)))
    }))
  }))
  list(
    fit = list(formula = "mean(rank) ~ arm, paired by fact", engine = paste("factsurv,", draws, "draws")),
    tables = list(mean_ranks = do.call(rbind, unname(rows))),
    remarks = c(alone, paste("none is ranked in every run, so that arms are not compared:", unmet, recycle0 = TRUE))
  )
}

ranks_row <- function(one, own, part, group, weights, conf) {
  found <- means_over_sets(one$y, rep(1L, nrow(one$y)), group, weights, conf)
  paired <- nzchar(one$reference)
  half <- found$upper - found$estimate
  data.frame(
    part = part, lapply(own[1L, c("role", "relation", "set")], as.character),
    stage = if (part == "stage") as.character(own$stage[[1L]]) else "",
    epoch = if (part == "end") max(own$epoch) else own$epoch[[1L]], options = mean(own$options), arm = one$arm,
    reference = one$reference, found[c("facts", "runs", "estimate", "se", "df")],
    lower = if (paired) found$lower else pmax(0, found$estimate - half), upper = found$upper,
    p = if (paired) 2 * stats::pt(-abs(found$estimate / found$se), found$df) else NA_real_, row.names = NULL
  )
}
