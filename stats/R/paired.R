# Arms compared fact by fact: each fact is met in every run of every arm, so that facts are their own controls.
#
# Two things could have been otherwise: which facts were asked for, and which seeds the runs had. The variance of a mean
# over both is V(facts) + V(seeds) - V(facts x seeds): what varies by fact, what varies by run, less what both contain
# (Cameron, Gelbach and Miller 2011). The part of the seeds comes from a handful of runs, so intervals are those of
# Student's t with degrees of freedom by Satterthwaite (1946).

# The value of every fact (rows, in the order of `facts`) in every seed (columns), for each arm; of facts that have one
# in every run.
values_by_arm <- function(data, value) {
  arms <- levels(droplevels(factor(data$arm)))
  facts <- unique(as.character(data$fact_id))
  each <- lapply(stats::setNames(arms, arms), function(arm) {
    own <- data[data$arm == arm, , drop = FALSE]
    seeds <- sort(unique(own$seed))
    matrix(value[data$arm == arm][match(
      paste(rep(facts, length(seeds)), rep(seeds, each = length(facts)), sep = "\r"),
      paste(own$fact_id, own$seed, sep = "\r")
    )], length(facts), dimnames = list(facts, seeds))
  })
  complete <- Reduce(`&`, lapply(each, function(y) rowSums(is.na(y)) == 0L))
  lapply(each, function(y) y[complete, , drop = FALSE])
}

# Each arm by itself (`reference` empty), then each against every one before it.
contrasts_of <- function(values) {
  arms <- names(values)
  alone <- lapply(arms, function(arm) list(arm = arm, reference = "", y = values[[arm]]))
  pairs <- if (length(arms) > 1L) utils::combn(length(arms), 2L, simplify = FALSE)
  c(alone, lapply(pairs, function(pair) {
    list(arm = arms[[pair[[2L]]]], reference = arms[[pair[[1L]]]], y = less(values[[pair[[2L]]]], values[[pair[[1L]]]]))
  }))
}

# By seed where arms share seeds, else in their order.
less <- function(y, other) {
  both <- intersect(colnames(y), colnames(other))
  if (length(both)) return(y[, both, drop = FALSE] - other[, both, drop = FALSE])
  runs <- seq_len(min(ncol(y), ncol(other)))
  y[, runs, drop = FALSE] - other[, runs, drop = FALSE]
}

# Means of y over growing sets of facts, with pointwise and simultaneous intervals. `set` is the number of the first set
# that a fact is in (each set is in the next); `weights` (clusters x draws) says how often each cluster was drawn.
means_over_sets <- function(y, set, cluster, weights, conf, sets = max(set)) {
  runs <- ncol(y)
  summed <- function(x) t(apply(summed_by(x, cluster, set, sets), 1L, cumsum))
  clusters <- nrow(weights)
  count <- matrix(summed(rep(1, nrow(y))), clusters)
  size <- colSums(count)
  among <- colSums(count > 0)
  total <- matrix(summed(rowMeans(y)), clusters)
  estimate <- colSums(total) / size
  drawn <- crossprod(weights, total) / pmax(crossprod(weights, count), 1) # draws x sets
  of_facts <- sweep(drawn, 2L, estimate)
  of_runs <- matrix(0, nrow(drawn), sets)
  from_runs <- numeric(sets)
  if (runs > 1L) {
    each <- lapply(seq_len(runs), function(r) matrix(summed(y[, r]), clusters))
    curve <- vapply(each, function(x) colSums(x) / size, numeric(sets))
    curve <- matrix(curve, sets)
    both <- Reduce(`+`, lapply(each, function(x) colSums(sweep(x - sweep(count, 2L, estimate, `*`), 2L, size, `/`)^2)))
    variance <- rowSums((curve - estimate)^2) / (runs * (runs - 1L))
    from_runs <- pmax(0, variance - both / runs^2)
    normal <- matrix(stats::rnorm(nrow(drawn) * runs), ncol = runs)
    scale <- ifelse(variance > 0, sqrt(from_runs / variance), 0) / sqrt(runs * (runs - 1L))
    of_runs <- normal %*% t((curve - estimate) * scale)
  }
  from_facts <- apply(of_facts, 2L, stats::var)
  variance <- from_facts + from_runs
  se <- sqrt(variance)
  part <- sum(from_runs) / sum(variance) # of the whole curve: of a single point a handful of runs tells it badly
  df <- 1 / ((1 - part)^2 / pmax(among - 1L, 1L) + part^2 / max(runs - 1L, 1L))
  df[variance == 0] <- NA
  alpha <- (1 - conf) / 2
  half <- ifelse(variance > 0, stats::qt(1 - alpha, df) * se, NA_real_) # no two facts differ: nothing tells the error
  farthest <- apply(abs(sweep(of_facts + of_runs, 2L, ifelse(se > 0, se, Inf), `/`)), 1L, max)
  least <- half / (stats::qnorm(1 - alpha) * se) # few runs widen the band as they widen an interval
  band <- pmax(half, stats::quantile(farthest, conf, names = FALSE) * least * se)
  data.frame(facts = as.integer(size), runs = runs, estimate = estimate, se = se, df = df, lower = estimate - half,
             upper = estimate + half, band_lower = estimate - band, band_upper = estimate + band)
}

# Sums of x by cluster (rows) and set (columns).
summed_by <- function(x, cluster, set, sets) {
  out <- matrix(0, max(cluster), sets)
  sums <- rowsum(x, (set - 1L) * max(cluster) + cluster, reorder = FALSE)
  out[as.integer(rownames(sums))] <- sums
  out
}

# How often each cluster is drawn, in each draw.
drawn_again <- function(clusters, draws) {
  stats::rmultinom(draws, clusters, rep(1, clusters))
}
