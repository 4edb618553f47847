#' Accuracy on the best-known facts, and how recipes differ there
#'
#' Of the facts that nobody was trained on, the share that is answered at the end of training: of the top-x percent by
#' popularity as a function of x, and of the least popular x percent; for each arm, and for each pair of arms as a
#' difference paired by fact. Facts (or clusters of them) are drawn again to tell how well each point is known; what the
#' seeds add is estimated from the runs. The band holds the whole curve at once with the level of confidence (largest
#' deviation in standard errors). Facts of equal popularity enter together. Where the cuts lie is taken as given. Where
#' fewer than `least` facts (or clusters of them) are in a part, nothing is told of it.
#'
#' @param data data.frame as the table `ends` of `docs/tables.md`: a row for each fact and run.
#' @param by column that orders the facts; the greatest value is the head.
#' @param value column whose mean is told: yes/no, or a number.
#' @param shares where the curve is told, from above 0 to 1.
#' @param cluster column whose facts are not independent, drawn together; `""` or `"fact_id"` for single facts.
#' @param conf confidence level.
#' @param least fewest clusters of facts that a mean is told of.
#' @param draws how often facts are drawn again.
#' @param seed of the draws; NULL for the session's own random numbers.
#' @return A list like that of [cox()], with the table `popularity`: a row for each part (`top` or `bottom`), arm,
#'   reference (empty: the arm's own accuracy) and share.
#' @references Ghosal, Hashimoto and Raghunathan (2024), ICML (the curve). Cameron, Gelbach and Miller (2011),
#'   Journal of Business & Economic Statistics 29:238 (facts and runs). Montiel Olea and Plagborg-Moller (2019),
#'   Journal of Applied Econometrics 34:1 (the band).
#' @examples
#' ends <- simulate_ends(facts = 200, seeds = 2, gap = 0.1, seed = 1)
#' found <- accuracy_by_popularity(ends, cluster = "fact_id", draws = 200)
#' tail(found$tables$popularity[c("part", "share", "arm", "reference", "estimate", "band_lower", "band_upper")], 1)
#' @export
accuracy_by_popularity <- function(data, by = "popularity", value = "recalled", shares = seq(0.05, 1, by = 0.05),
                                   cluster = "fact_id", conf = 0.95, least = 20L, draws = 1000L, seed = 1L) {
  shares <- sort(unique(c(shares[shares > 0 & shares < 1], 1)))
  ready <- paired_data(data, by)
  if (!is.null(ready$status)) return(ready)
  values <- values_by_arm(ready$data, as.numeric(ready$data[[value]]))
  of_fact <- ready$data[match(rownames(values[[1L]]), as.character(ready$data$fact_id)), , drop = FALSE]
  group <- clusters_of(of_fact, cluster)
  least <- min(1, least / max(group))
  shares <- shares[shares >= least]
  found <- seeded(seed, {
    weights <- drawn_again(max(group), draws)
    lapply(c(top = 1, bottom = -1), function(sign) {
      set <- first_set(sign * of_fact[[by]], shares)
      rows <- lapply(contrasts_of(values), function(one) {
        cbind(arm = one$arm, reference = one$reference, share = shares,
              means_over_sets(one$y, set, group, weights, conf, length(shares)))
      })
      do.call(rbind, rows)
    })
  })
  rows <- cbind(part = rep(names(found), vapply(found, nrow, 0L)), do.call(rbind, found))
  list(
    fit = list(formula = sprintf("mean(%s) ~ share of the facts by %s, paired by fact", value, by),
               engine = paste("factsurv,", draws, "draws")),
    tables = list(popularity = rows), remarks = c(ready$remarks, one_run_words(values))
  )
}

# Facts that nobody was trained on and that have a value, or why there is nothing to compare.
paired_data <- function(data, needed = character()) {
  nothing <- function(reason) list(status = "not estimable", reason = reason)
  absent <- setdiff(needed, names(data))
  if (length(absent)) return(nothing(sprintf("the facts have no column '%s'", absent[[1L]])))
  data <- data[data$split == "withheld", , drop = FALSE]
  if (!nrow(data)) return(nothing("no fact was withheld: all of them may have been trained on"))
  usable <- rep(TRUE, nrow(data))
  for (column in needed) usable <- usable & is.finite(data[[column]])
  if (!any(usable)) return(nothing(sprintf("no withheld fact has a value of '%s'", toString(needed))))
  lost <- n_distinct(data$fact_id[!usable])
  list(data = data[usable, , drop = FALSE],
       remarks = if (lost) sprintf("%d facts without a value of '%s' are left out", lost, toString(needed)))
}

clusters_of <- function(of_fact, cluster) {
  if (!length(cluster) || !nzchar(cluster)) cluster <- "fact_id"
  if (!cluster %in% names(of_fact)) stop("there is no column '", cluster, "' to draw facts by", call. = FALSE)
  as.integer(factor(as.character(of_fact[[cluster]])))
}

# The number of the first share whose facts include each one: those of at least the value at the cut.
first_set <- function(value, shares) {
  cuts <- sort(value, decreasing = TRUE)[pmax(1L, ceiling(shares * length(value) - 1e-9))]
  findInterval(-value, -cuts, left.open = TRUE) + 1L
}

one_run_words <- function(values) {
  alone <- names(values)[vapply(values, ncol, 0L) < 2L]
  if (length(alone)) paste("one run of", toString(alone), "says nothing about other seeds: intervals count facts only")
}
