# One replicate, many of them, and what they say.

# Rows of all methods on one simulated table; a method that fails gives one row without numbers.
replicate_once <- function(scenario, seed) {
  data <- do.call(drawn_by(scenario), c(scenario$simulate, seed = seed))
  rows <- lapply(seq_along(scenario$methods), function(i) {
    rows <- captured(scenario$methods[[i]](data))
    if (is.null(rows$value)) return(NULL)
    cbind(rows$value, position = i)
  })
  cbind(do.call(rbind, rows), seed = seed)
}

# Targets of every method and quantity, with the error of those that are limits on a large sample.
targets_of <- function(scenario, rows, facts = 200000L, seed = 99L) {
  named <- unique(rows[c("position", "method", "quantity")])
  truth <- c(scenario$simulate$log_hr, arm = 0)
  given <- lapply(seq_len(nrow(named)), function(i) {
    at <- intersect(c(named$method[[i]], named$quantity[[i]]), names(scenario$targets))
    if (length(at)) scenario$targets[[at[[1L]]]] else unname(truth[named$quantity[[i]]])
  })
  limit <- vapply(given, identical, TRUE, "limit")
  named$target <- vapply(given, function(value) if (is.numeric(value)) value else NA_real_, 0)
  named$target_se <- ifelse(is.na(named$target), NA_real_, 0)
  if (any(limit)) {
    # Facts are independent: many of them in one run have the limit of few of them in many runs.
    large <- utils::modifyList(scenario$simulate, list(facts = facts, seeds = 1L))
    data <- do.call(drawn_by(scenario), c(large, seed = seed))
    for (i in unique(named$position[limit])) {
      found <- scenario$methods[[i]](data)
      at <- match(paste(i, found$quantity), paste(named$position, named$quantity))
      here <- !is.na(at)
      here[here] <- limit[at[here]]
      named[at[here], c("target", "target_se")] <- found[here, c("estimate", "se")]
    }
  }
  named
}

# What draws the data of a scenario: learning, unless it says another.
drawn_by <- function(scenario) if (is.null(scenario$draw)) simulate_learning else scenario$draw

# One row per method and quantity. `*_mcse`: Monte-Carlo standard errors, by the number of replicates.
summarise_recovery <- function(rows, targets, replicates) {
  parts <- lapply(seq_len(nrow(targets)), function(i) {
    own <- rows[rows$position == targets$position[[i]] & rows$method == targets$method[[i]] &
                  rows$quantity == targets$quantity[[i]], ]
    target <- targets$target[[i]]
    estimate <- own$estimate[is.finite(own$estimate)]
    inside <- own$lower <= target & target <= own$upper
    inside <- inside[!is.na(inside)]
    tested <- own$p[!is.na(own$p)]
    share <- function(x) if (length(x)) mean(x) else NA_real_
    share_error <- function(x) if (length(x)) sqrt(mean(x) * (1 - mean(x)) / length(x)) else NA_real_
    answered <- if (length(estimate)) length(estimate) else length(tested)
    data.frame(
      method = targets$method[[i]], quantity = targets$quantity[[i]], replicates = replicates,
      failed = replicates - answered, target = target, mean = share(estimate), bias = share(estimate) - target,
      bias_mcse = sqrt(stats::var(estimate) / length(estimate) + targets$target_se[[i]]^2),
      empirical_se = stats::sd(estimate), mean_se = share(own$se[is.finite(own$se)]), coverage = share(inside),
      coverage_mcse = share_error(inside), rejected = share(tested < 0.05), rejected_mcse = share_error(tested < 0.05)
    )
  })
  do.call(rbind, parts)
}

# In plain words, by the numbers: what can be told from the Monte-Carlo error (at 99 %) and matters (more than 2 % of
# the target, or 0.01).
verdict_of <- function(row, scenario) {
  z <- stats::qnorm(0.995)
  said <- character()
  if (is.finite(row$bias)) {
    matters <- abs(row$bias) > max(z * row$bias_mcse, 0.02 * abs(row$target), 0.01)
    direction <- if (row$target == 0) "away from 0" else if (row$bias * row$target < 0) "toward 0" else "away from 0"
    size <- if (row$target != 0) sprintf(" (%.0f %%)", 100 * abs(row$bias / row$target)) else ""
    said <- if (matters) sprintf("biased %s by %.3f%s", direction, abs(row$bias), size) else "recovered"
  }
  if (is.finite(row$coverage)) {
    error <- z * sqrt(0.95 * 0.05 / (row$replicates - row$failed))
    if (row$coverage < 0.95 - error) said <- c(said, "interval covers too rarely")
    if (row$coverage > 0.95 + error) said <- c(said, "interval is wide")
  }
  proportional <- is.null(scenario$simulate$change) && is.null(scenario$simulate$never)
  null <- row$target %in% 0 || (grepl("^drift", row$quantity) && proportional) || row$method == "score (log-rank) test"
  if (is.finite(row$rejected) && null) {
    error <- z * sqrt(0.95 * 0.05 / (row$replicates - row$failed))
    size <- if (abs(row$rejected - 0.05) <= error) "size as stated" else "rejects too often"
    if (row$rejected < 0.05 - error) size <- "rejects rarely"
    said <- c(said, size)
  }
  toString(said)
}
