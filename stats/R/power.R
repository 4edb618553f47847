#' Power of a study, by simulation
#'
#' Simulates one design many times with [simulate_learning()] and fits each with the model that the report uses: for
#' `latent` the Cox model with Efron ties and errors robust by fact, for `arms` the comparison of two recipes with
#' random runs (see [compare_arms()]). Curves, hazard ratio and variances are those of the design.
#'
#' @param design list: `compare` (`"latent"` or `"arms"`), `hr` (simulated hazard ratio of latent facts, or of the
#'   second arm against the first), `curve` (share of all facts, of the first arm, that have had the event by each
#'   checkpoint),
#'   `share_latent` (for `latent`), `fact_variance` and `run_sd` (Gaussian random effects on the log hazard).
#' @param facts number of facts at risk.
#' @param seeds number of runs (of each arm).
#' @param replicates how many data sets.
#' @param first number of the first replicate: its seed; blocks of one study must not overlap.
#' @return A data.frame, one row a replicate: `facts`, `seeds`, `replicate`, `events`, `estimate` (log hazard ratio),
#'   `p`; the last two are missing where the model has no finite estimate.
#' @export
power_block <- function(design, facts, seeds, replicates = 100L, first = 1L) {
  design <- complete_design(design)
  curve <- reference_curve(design)
  fit <- if (design$compare == "arms") power_of_arms else power_of_latent
  rows <- lapply(first - 1L + seq_len(replicates), function(number) {
    data <- simulate_learning(
      facts, seeds, design$arms, seq_along(curve), curve, log_hr = design$log_hr, share_latent = design$share_latent,
      variance = design$variance, seed = number
    )
    found <- captured(fit(data))$value
    if (is.null(found)) found <- data.frame(estimate = NA_real_, p = NA_real_)
    data.frame(facts = facts, seeds = seeds, replicate = number, events = sum(data$event), found)
  })
  do.call(rbind, rows)
}

#' Power and its Monte-Carlo interval for each number of facts and seeds
#'
#' @param rows of [power_block()], several designs under one another.
#' @param design as there.
#' @param alpha level of the two-sided test.
#' @return A data.frame, one row for each number of facts and seeds: `facts`, `seeds`, `replicates`, `not_estimable`
#'   (replicates without an estimate; they count as not detected), `events` (mean), `hr` (median estimate: frailty draws
#'   it towards 1), `power` (share of p < `alpha`), `lower`, `upper` (Wilson, 95 %), and `formula`: Schoenfeld's power
#'   for that many events where it holds (independent facts, one run, no frailty).
#' @references Schoenfeld (1981), Biometrika 68:316. Wilson (1927), JASA 22:209.
#' @export
summarise_power <- function(rows, design, alpha = 0.05) {
  design <- complete_design(design)
  parts <- lapply(split(rows, list(rows$facts, rows$seeds), drop = TRUE, lex.order = TRUE), function(own) {
    known <- !is.na(own$p)
    detected <- sum(own$p[known] < alpha)
    interval <- stats::prop.test(detected, nrow(own), correct = FALSE)$conf.int
    holds <- design$compare == "latent" && own$seeds[[1L]] == 1L && all(design$variance == 0)
    data.frame(
      facts = own$facts[[1L]], seeds = own$seeds[[1L]], replicates = nrow(own), not_estimable = sum(!known),
      events = mean(own$events), hr = exp(stats::median(own$estimate[known])), power = detected / nrow(own),
      lower = interval[[1L]], upper = interval[[2L]],
      formula = if (holds) schoenfeld_power(mean(own$events), design$hr, design$share_latent, alpha) else NA_real_
    )
  })
  table <- do.call(rbind, parts)
  rownames(table) <- NULL
  table
}

#' Schoenfeld's formula
#'
#' Events needed by a two-sided test of a binary covariate under proportional hazards, with independent facts and few
#' ties; and the power that a number of events gives.
#'
#' @param hr hazard ratio.
#' @param share share of the facts that have the covariate.
#' @param alpha,power level of the test and wanted power.
#' @return A number.
#' @references Schoenfeld (1981), Biometrika 68:316; (1983), Biometrics 39:499.
#' @examples
#' schoenfeld_events(hr = 1.6, share = 0.3)
#' @export
schoenfeld_events <- function(hr, share, alpha = 0.05, power = 0.8) {
  (stats::qnorm(1 - alpha / 2) + stats::qnorm(power))^2 / (share * (1 - share) * log(hr)^2)
}

#' @rdname schoenfeld_events
#' @param events number of events.
#' @export
schoenfeld_power <- function(events, hr, share, alpha = 0.05) {
  shift <- sqrt(events * share * (1 - share)) * abs(log(hr))
  z <- stats::qnorm(1 - alpha / 2)
  stats::pnorm(shift - z) + stats::pnorm(-shift - z)
}

# Design with everything that the simulator needs.
complete_design <- function(design) {
  arms <- design$compare == "arms"
  effect <- log(design$hr)
  design$arms <- if (arms) 2L else 1L
  design$log_hr <- if (arms) c(arm = effect) else c(latent = effect)
  design$share_latent <- if (arms) 0 else design$share_latent
  design$variance <- c(fact = design$fact_variance, run = design$run_sd^2)
  design$curve <- as.numeric(unlist(design$curve))
  design
}

# The curve of the facts without effects that makes the curve of all facts (of the first arm) the given one.
reference_curve <- function(design) {
  baseline <- seeded(1L, {
    # The runs' effects stand on single facts here, as groups of one: it is their distribution that counts.
    variance <- c(fact = design$variance[["fact"]], group = design$variance[["run"]], run = 0)
    all <- learning_rows(20000L, 1L, 1L, design$share_latent, 20000L, 0, variance, "gaussian")
    effect <- all$random + sum(design$log_hr["latent"], na.rm = TRUE) * all$latent
    baseline_from_curve(design$curve, matrix(effect, length(effect), length(design$curve)), 1L)
  })
  1 - exp(-cumsum(baseline))
}

# Nearly all data collapse to a few counts; coxph() fits the others, and says when an estimate is infinite.
power_of_latent <- function(data) {
  cluster <- cluster_of(data, "fact_id")$cluster
  fit <- fit_cox_counts(data, "latent", cluster = cluster, share = 1)
  if (is.null(fit)) {
    row <- cox_univariable(data, "latent", cluster = cluster)$tables$coefficients
    return(row[c("estimate", "p")])
  }
  estimate <- fit$coefficients[[1L]]
  data.frame(estimate = estimate, p = 2 * stats::pnorm(-abs(estimate) / sqrt(fit$var[[1L]])))
}

# The comparison of the report, from one start: the size of its test depends on the runs, not on the last digits.
power_of_arms <- function(data) {
  fit <- fit_coxme(data, "arm", "run")
  rows <- data.frame(estimate = unname(fixed_effects(fit)), se = unname(coxme_errors(fit)))
  rows <- by_student(rows, nlevels(data$run) - 2L, 0.95)
  if (is_infinite(rows$estimate, rows$se, 1)) rows[] <- NA_real_
  rows[c("estimate", "p")]
}
