#' How well a corpus foretells accuracy: three measures compared, binned, fact by fact and out of sample
#'
#' For each arm (a model) and each of CO-OCCUR, MI and SMI (see [smi_measures()]) the numbers of [smi_line()];
#' R-squared of facts of a relation that the line was not fitted to (a line is not fitted again to a draw), and how
#' well what is foretold is calibrated;
#' R-squared of means at other widths of the bins; the differences between measures, and the change of R-squared with
#' each doubling of the model. Facts share objects, so objects are drawn again with all of their facts: the same ones
#' for every measure and model, so that differences are paired. The measures' bins are given, they are of the corpus.
#' Intervals are normal ones; of an R-squared of a line on Fisher's scale, so that they stay between 0 and 1.
#'
#' @param data data.frame as the table `accuracy` of `docs/tables.md`: a row for each fact and run; runs of an arm are
#'   averaged.
#' @param formula release of the formula, see [smi_measures()].
#' @param conf confidence level.
#' @param draws how often objects are drawn again.
#' @param widths bins in a unit of log2; the first one is the formula's.
#' @param seed of the draws; NULL for the session's own random numbers.
#' @return A list like that of [cox()], with the tables `smi` (a row a number) and `smi_points` (bins, facts and tenths
#'   of what is foretold, for pictures).
#' @references Jiang et al. (2025), arXiv 2502.04066.
#' @export
accuracy_by_counts <- function(data, formula = "october", conf = 0.95, draws = 1000, widths = c(5, 10, 2, 1),
                               seed = 1) {
  data <- data[is.finite(data$accuracy), , drop = FALSE]
  if (!nrow(data)) return(list(status = "not estimable", reason = "no fact has an accuracy"))
  values <- lapply(values_by_arm(data, data$accuracy), rowMeans)
  facts <- data[match(names(values[[1L]]), as.character(data$fact_id)), , drop = FALSE]
  parameters <- data$parameters[match(names(values), as.character(data$arm))]
  scored <- function(size, bins) {
    smi_measures(facts$n_subject, facts$n_object, facts$n_both, facts$documents, size, formula, bins)
  }
  kept <- !is.na(scored(parameters[[1L]], widths[[1L]])$mi) & facts$subject_is_object %in% FALSE
  if (sum(kept) < 10L) {
    few <- sprintf("%d of %d facts meet their object more often than by chance", sum(kept), length(kept))
    return(list(status = "not estimable", reason = few))
  }
  cluster <- as.integer(factor(paste(facts$relation, facts$object, sep = "\r")[kept]))
  folds <- left_out_folds(facts$relation[kept], facts$object[kept], seed)
  weights <- cbind(1, seeded(seed, drawn_again(max(cluster), draws)))
  measured <- lapply(seq_along(values), function(i) {
    y <- values[[i]][kept]
    lapply(stats::setNames(smi_predictors, smi_predictors), function(predictor) {
      x <- scored(parameters[[i]], widths[[1L]])[[predictor]][kept]
      told <- foretold(x, y, folds$fold)
      own <- cbind(smi_numbers(bin_sums(x, y, cluster), weights), left_out_numbers(y, told, cluster, weights))
      others <- lapply(widths[-1L], function(bins) {
        wide <- scored(parameters[[i]], bins)[[predictor]][kept]
        numbers <- smi_numbers(bin_sums(wide, y, cluster), weights)[, "r2_bins", drop = FALSE]
        colnames(numbers) <- paste0("r2_bins@", bins)
        numbers
      })
      list(x = x, y = y, told = told, numbers = do.call(cbind, c(list(own), others)))
    })
  })
  names(measured) <- names(values)
  rows <- c(smi_rows(measured, parameters, conf), list(smi_by_size(measured, parameters, conf)))
  table <- do.call(rbind, rows)
  table$facts <- sum(kept)
  table$dropped <- sum(!kept)
  bins <- n_distinct(measured[[1L]]$smi$x)
  list(
    fit = list(formula = sprintf("accuracy ~ SMI (%s), %d facts in %d bins", formula, sum(kept), bins),
               engine = paste("factsurv,", draws, "draws of", max(cluster), "objects")),
    tables = list(smi = table, smi_points = smi_points(measured)),
    remarks = c(
      sprintf(paste("%d facts never meet their object in the corpus, or less often than by chance, or are it",
                    "themselves: the formula drops them"), sum(!kept))[any(!kept)],
      sprintf("only %d bins: their R-squared and the upper bound hang on few points", bins)[bins < 20L],
      "one relation: objects are left out in place of relations"[folds$what == "objects"]
    )
  )
}

smi_predictors <- c("co_occur", "mi", "smi")

# A row for each number of an arm and measure, and for the differences between measures.
smi_rows <- function(measured, parameters, conf) {
  pairs <- list(c("mi", "co_occur"), c("smi", "mi"), c("smi", "co_occur"))
  compared <- c("r2_bins", "r2_facts", "r2_left_out")
  unlist(lapply(seq_along(measured), function(i) {
    own <- measured[[i]]
    shared <- list(arm = names(measured)[[i]], parameters = parameters[[i]])
    alone <- lapply(names(own), function(one) {
      cbind(shared, predictor = one, reference = "", bins = n_distinct(own[[one]]$x),
            drawn_rows(own[[one]]$numbers, conf))
    })
    differences <- lapply(pairs, function(pair) {
      gap <- own[[pair[[1L]]]]$numbers[, compared] - own[[pair[[2L]]]]$numbers[, compared]
      cbind(shared, predictor = pair[[1L]], reference = pair[[2L]], bins = NA_integer_, drawn_rows(gap, conf, FALSE))
    })
    c(alone, differences)
  }), recursive = FALSE)
}

# Change of R-squared with each doubling of the number of parameters, where models differ in it.
smi_by_size <- function(measured, parameters, conf) {
  size <- log2(parameters)
  if (length(unique(size)) < 2L) return(NULL)
  per_doubling <- (size - mean(size)) / sum((size - mean(size))^2)
  rows <- lapply(smi_predictors, function(one) {
    numbers <- lapply(measured, function(own) own[[one]]$numbers[, c("r2_bins", "r2_facts", "r2_left_out")])
    slope <- Reduce(`+`, Map(`*`, numbers, per_doubling))
    colnames(slope) <- paste0(colnames(slope), "_per_doubling")
    cbind(arm = "", parameters = NA_real_, predictor = one, reference = "", bins = NA_integer_,
          drawn_rows(slope, conf, FALSE))
  })
  do.call(rbind, rows)
}

# Estimates (the first row) with normal intervals from the draws (the others); `fisher`: of shares of variance on the
# scale on which their errors are alike.
drawn_rows <- function(numbers, conf, fisher = TRUE) {
  half <- stats::qnorm(1 - (1 - conf) / 2)
  rows <- lapply(colnames(numbers), function(name) {
    value <- numbers[1L, name]
    drawn <- numbers[-1L, name]
    bounded <- fisher && startsWith(name, "r2_") && name != "r2_left_out"
    to <- if (bounded) function(v) atanh(sqrt(pmin(pmax(v, 0), 1 - 1e-12))) else identity
    from <- if (bounded) function(v) tanh(pmax(v, 0))^2 else identity
    se <- stats::sd(to(drawn), na.rm = TRUE)
    data.frame(quantity = name, estimate = value, se = stats::sd(drawn, na.rm = TRUE),
               lower = from(to(value) - half * se), upper = from(to(value) + half * se))
  })
  out <- do.call(rbind, rows)
  rownames(out) <- NULL
  out
}

# For pictures: bins, up to `most` single facts, and tenths of what is foretold.
smi_points <- function(measured, most = 1500L) {
  rows <- lapply(names(measured), function(arm) {
    do.call(rbind, lapply(smi_predictors, function(one) {
      own <- measured[[arm]][[one]]
      line <- smi_line(own$x, own$y)$bins
      some <- unique(round(seq(1, length(own$x), length.out = min(most, length(own$x)))))
      tenth <- ceiling(10 * rank(own$told$predicted, ties.method = "first") / length(own$y))
      foretold <- data.frame(kind = "foretold", x = as.numeric(tapply(own$told$predicted, tenth, mean)),
                             y = as.numeric(tapply(own$y, tenth, mean)), facts = as.integer(table(tenth)))
      cbind(arm = arm, predictor = one, rbind(
        cbind(kind = "bin", line), data.frame(kind = "fact", x = own$x[some], y = own$y[some], facts = 1L), foretold
      ))
    }))
  })
  do.call(rbind, rows)
}
