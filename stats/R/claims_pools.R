# Quantities of claims about phases of learning and about means over pools of facts. Seeds are what runs differ by:
# intervals are Student's t over the runs.

pool_quantities <- function() {
  entry <- function(words, value, scale, reads, keys, needs = character()) {
    list(words = words, keys = keys, needs = needs, scale = scale, reads = reads, measured = TRUE, value = value)
  }
  pair <- c("by", "group", "reference")
  of_pool <- c("level", "at", "by", "group")
  measures <- c("recall of a pool", "loss of a pool", "excess loss of a pool")
  each <- lapply(measures, function(name) {
    share <- name == measures[[1L]]
    list(
      entry(sprintf("%s (level: seen, new or unseen), mean over runs; excess: above the no-knowledge loss", name),
            function(tables, claim, plan) claimed_pool(tables, claim, plan, name), if (share) "share" else "number",
            "pools", of_pool, "level"),
      entry(sprintf("%s, an arm minus another", name),
            function(tables, claim, plan) claimed_pool_gap(tables, claim, plan, name),
            if (share) "points" else "number", "pools", c(of_pool, "reference"), c("level", pair))
    )
  })
  each <- stats::setNames(unlist(each, recursive = FALSE), c(rbind(measures, paste("difference of", measures))))
  c(list(
    "plateau level" = entry("loss on the plateau over the no-knowledge loss, mean over runs", claimed_plateau_level,
                            "ratio", "phases", c("by", "group")),
    "plateau exponent" = entry("exponent of the plateau's length in the number of individuals", claimed_exponent,
                               "number", "scaling", character()),
    "ratio of plateaus" = entry("end of the plateau, an arm over another (0.5: half as long)", claimed_plateau_ratio,
                                "ratio", "phases", pair, pair)
  ), each)
}

# Mean and limits over runs: a run is one value.
mean_over_runs <- function(value, conf, what, reason = character()) {
  value <- value[!is.na(value)]
  if (!length(value)) no_estimate("no run has such a value")
  runs <- sprintf("%d run(s)", length(value))
  half <- stats::qt(1 - (1 - conf) / 2, length(value) - 1L) * stats::sd(value) / sqrt(length(value))
  alike <- length(value) > 1L && stats::sd(value) == 0 # by chance: so few do not tell that nothing varies
  if (length(value) < 2L || alike) half <- NA_real_
  said <- paste(c(reason, runs, "all alike, which does not tell how far runs differ"[alike]), collapse = "; ")
  claim_value(mean(value), mean(value) - half, mean(value) + half, what, reason = said)
}

in_arm <- function(rows, claim) {
  if (!nzchar(claim$by)) return(rows)
  if (claim$by != "arm") no_estimate("runs are grouped by arm only: by = \"arm\"")
  take_rows(rows, rows$arm == claim_group(rows$arm, claim$group, "arm"))
}

claimed_plateau_level <- function(tables, claim, plan) {
  rows <- in_arm(tables$phases, claim)
  none <- sum(is.na(rows$ratio))
  mean_over_runs(rows$ratio, plan$conf, paste(c("runs", claim$group), collapse = " of "),
                 sprintf("%d run(s) had no probe on a plateau", none)[none > 0L])
}

claimed_exponent <- function(tables, claim, plan) {
  row <- claimed_rows(tables$scaling, term = "exponent")
  if (!nrow(row)) no_estimate("no plateau ended at two numbers of individuals")
  said <- sprintf("%d runs of %d numbers, %d of them open", row$runs, row$numbers, row$open)
  claim_value(row$estimate, row$lower, row$upper, "over the number of individuals", as.character(row$model),
              as.character(row$task), said)
}

# log(end) = mean of the arm, ends interval-censored: the slope of a line over 0 and 1.
claimed_plateau_ratio <- function(tables, claim, plan) {
  if (claim$by != "arm") no_estimate("plateaus are compared over recipes only: by = \"arm\"")
  for (arm in c(claim$group, claim$reference)) claim_group(tables$phases$arm, arm, "arm")
  rows <- claimed_rows(tables$phases, arm = c(claim$group, claim$reference))
  rows$number <- ifelse(rows$arm == claim$group, exp(1), 1)
  fit <- captured(plateau_scaling(data.frame(number = rows$number, left = rows$left, right = rows$right), plan$conf))
  if (is.null(fit$value)) {
    if (!inherits(fit$condition, "no_estimate")) stop(fit$error, call. = FALSE)
    no_estimate(sprintf("of '%s' or '%s' no plateau ended", claim$group, claim$reference))
  }
  row <- fit$value[1L, ]
  said <- c(sprintf("%d runs, %d of them open", row$runs, row$open), fit$warnings)
  claim_value(exp(row$estimate), exp(row$lower), exp(row$upper), sprintf("%s vs %s", claim$group, claim$reference),
              as.character(rows$model[[1L]]), as.character(rows$task[[1L]]), paste(said, collapse = "; "))
}

# One value a run, at its first or last checkpoint.
pool_values <- function(tables, claim, measure) {
  pools <- claimed_rows(tables$pools, pool = claim_group(tables$pools$pool, claim$level, "pool"))
  quantity <- if (measure == "recall of a pool") "recalled" else "loss"
  instrument <- if (quantity == "recalled") "recall" else "loss"
  rows <- claimed_rows(pools, instrument = instrument, quantity = quantity)
  at <- stats::ave(rows$checkpoint, as.character(rows$run), FUN = if (claim$at == "baseline") min else max)
  rows <- take_rows(rows, rows$checkpoint == at)
  rows$value <- rows$mean
  if (startsWith(measure, "excess")) {
    none <- claimed_rows(pools, instrument = "loss", quantity = "baseline")
    rows$value <- rows$mean - take_at(none, rows, c("run", "checkpoint"))$mean
  }
  rows
}

claimed_pool <- function(tables, claim, plan, measure) {
  rows <- in_arm(pool_values(tables, claim, measure), claim)
  mean_over_runs(rows$value, plan$conf, claimed_facts(claim, claim$group), sprintf("%s facts", claim$level))
}

# Runs of equal seeds begin alike, so they are paired where both arms have them.
claimed_pool_gap <- function(tables, claim, plan, measure) {
  rows <- pool_values(tables, claim, measure)
  if (claim$by != "arm") no_estimate("runs are compared over recipes only: by = \"arm\"")
  rows$seed <- sub("^.*-", "", as.character(rows$run))
  of <- function(arm) {
    own <- take_rows(rows, rows$arm == claim_group(rows$arm, arm, "arm"))
    stats::setNames(own$value, own$seed)
  }
  one <- of(claim$group)
  other <- of(claim$reference)
  both <- intersect(names(one), names(other))
  if (!length(both)) no_estimate(sprintf("'%s' and '%s' have no seed in common", claim$group, claim$reference))
  pair <- claimed_facts(claim, sprintf("%s vs %s", claim$group, claim$reference))
  mean_over_runs(one[both] - other[both], plan$conf, pair, sprintf("%s facts, paired by seed", claim$level))
}
