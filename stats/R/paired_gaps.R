#' Differences between recipes, paired by fact
#'
#' `attention_by_arm()`: by how much attention on the subject changed from the baseline to the end of training, in each
#' layer, on the withheld facts; for each arm, and for each pair of arms. `gaps_by_setting()`: accuracy, and that
#' change, at each value of each key that a simulation was done again with. Errors as in [accuracy_by_popularity()].
#'
#' @inheritParams accuracy_by_popularity
#' @param data data.frame as the table `attention_ends` or `sweep` of `docs/tables.md`.
#' @return A list like that of [cox()], with the table `paired`: a row for each measure, value (`at`) of what it is told
#'   by (`by`: layer, or a key of the study), arm and reference (empty: the arm by itself).
#' @export
attention_by_arm <- function(data, cluster = "fact_id", conf = 0.95, draws = 1000L, seed = 1L) {
  change <- list("attention, greatest" = data$greatest - data$greatest0)
  if (!identical(data$greatest, data$total)) change[["attention, total"]] <- data$total - data$total0 # else one token
  paired_table(data, rep("layer", nrow(data)), data$layer, change, cluster, conf, draws, seed)
}

#' @rdname attention_by_arm
#' @export
gaps_by_setting <- function(data, cluster = "fact_id", conf = 0.95, draws = 1000L, seed = 1L) {
  measures <- list(accuracy = as.numeric(data$recalled), "attention, greatest" = data$attention - data$attention0)
  paired_table(data, as.character(data$key), data$value, measures, cluster, conf, draws, seed)
}

paired_table <- function(data, by, at, measures, cluster, conf, draws, seed) {
  data$by <- by
  data$at <- at
  data[paste0("measure", seq_along(measures))] <- measures
  ready <- paired_data(data)
  if (!is.null(ready$status)) return(ready)
  alone <- NULL
  rows <- seeded(seed, lapply(split(ready$data, list(ready$data$at, ready$data$by), drop = TRUE), function(own) {
    do.call(rbind, lapply(seq_along(measures), function(i) {
      values <- values_by_arm(own, own[[paste0("measure", i)]])
      alone <<- one_run_words(values)
      group <- clusters_of(own[match(rownames(values[[1L]]), as.character(own$fact_id)), , drop = FALSE], cluster)
      weights <- drawn_again(max(group), draws)
      do.call(rbind, lapply(contrasts_of(values), function(one) {
        found <- means_over_sets(one$y, rep(1L, nrow(one$y)), group, weights, conf)
        cbind(by = own$by[[1L]], at = own$at[[1L]], measure = names(measures)[[i]], arm = one$arm,
              reference = one$reference, found[c("facts", "runs", "estimate", "se", "df", "lower", "upper")],
              p = if (nzchar(one$reference)) 2 * stats::pt(-abs(found$estimate / found$se), found$df) else NA_real_)
      }))
    }))
  }))
  list(
    fit = list(formula = "mean ~ arm, paired by fact", engine = paste("factsurv,", draws, "draws")),
    tables = list(paired = do.call(rbind, unname(rows))), remarks = c(ready$remarks, alone)
  )
}
