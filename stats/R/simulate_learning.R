#' Simulated learning with known effects
#'
#' Facts in runs with known log hazard ratios, drawn in continuous time, probed at checkpoints, and turned into rows of
#' the event table by the same rules as real probes. What a fit should find is in the attribute `truth`.
#'
#' @param facts number of facts at risk, the same ones in every run.
#' @param seeds number of runs of each arm.
#' @param arms number of arms; the log hazard of arm k is (k - 1) times that of `log_hr["arm"]`.
#' @param checkpoints times of the probes after the baseline, in epochs; they may be sparse and uneven.
#' @param curve share of facts that have had the event by each checkpoint, see `curve_of`.
#' @param curve_of `"reference"`: the curve of facts whose covariates and random effects are 0, in the first arm;
#'   `"all"`: of all facts in the first arm.
#' @param weibull `c(shape, scale)` of the baseline hazard of the reference facts, instead of `curve`.
#' @param log_hr named numeric: log hazard ratios of `latent` (yes vs no), `popularity` (per standard deviation; it is
#'   standard normal) and `arm`; what is not named is 0.
#' @param share_latent share of latent facts.
#' @param variance named numeric: variances of the random effects of `fact`, `group` and `run` on the log hazard
#'   (`"gaussian"`), or of the multiplicative frailties, which have mean 1 (`"gamma"`).
#' @param frailty `"gaussian"` or `"gamma"`.
#' @param groups number of fact groups.
#' @param change non-proportional hazards: `list(term, time, to)`, the log hazard ratio of `term` is `to` times its
#'   first value from `time` on; or `list(term, slope)`, it is multiplied by 1 + slope * log(time / first checkpoint).
#' @param never share of facts that never learn (a mixture cure model); the same facts in every run.
#' @param sensitivity,specificity of a probe, see [noisy_probes()]. The baseline is without noise.
#' @param rules event rules, see [spells()].
#' @param outcome its name; facts of `generalisation` are withheld, of the others trained.
#' @param seed whole number; NULL draws from the caller's random numbers, which are otherwise left as they were.
#' @return A data.frame with the columns of the event table (`docs/tables.md`), a row for every fact, run and rule. The
#'   attribute `truth` has `log_hr`, `variance` and `baseline` (`time` and cumulative `hazard` of the reference).
#' @references Bender, Augustin and Blettner (2005), Statistics in Medicine 24:1713 (times by inversion).
#' @examples
#' learned <- simulate_learning(facts = 50, seeds = 2, variance = c(fact = 0.3), seed = 1)
#' table(learned$run, learned$event)
#' attr(learned, "truth")$log_hr
#' @export
simulate_learning <- function(facts = 300L, seeds = 1L, arms = 1L, checkpoints = 1:12,
                              curve = 1 - exp(-0.1 * checkpoints), curve_of = "reference", weibull = NULL,
                              log_hr = c(latent = log(2), popularity = 0.3), share_latent = 0.3,
                              variance = numeric(), frailty = "gaussian", groups = 12L, change = NULL, never = 0,
                              sensitivity = 1, specificity = 1, rules = "first", outcome = "acquisition", seed = 1L) {
  log_hr <- completed(log_hr, c("latent", "popularity", "arm"), "log_hr")
  variance <- completed(variance, c("fact", "group", "run"), "variance")
  check_learning(facts, seeds, arms, checkpoints, curve, variance, frailty, share_latent, never, sensitivity,
                 specificity)
  seeded(seed, {
    rows <- learning_rows(facts, seeds, arms, share_latent, groups, never, variance, frailty)
    pieces <- if (is.null(change)) 1L else 20L
    edges <- piece_edges(checkpoints, pieces)
    courses <- lapply(stats::setNames(nm = names(log_hr)), function(term) {
      effect_course(edges, checkpoints, if (identical(change$term, term)) change)
    })
    log_hazard <- log_hazards(rows, log_hr, courses)
    increments <- if (!is.null(weibull)) {
      baseline_weibull(edges, weibull[[1L]], weibull[[2L]])
    } else if (curve_of == "reference") {
      baseline_from_curve(curve, matrix(0, 1L, length(edges) - 1L), pieces)
    } else {
      all <- learning_rows(4000L, 1L, 1L, share_latent, groups = 4000L, never, variance, frailty)
      baseline_from_curve(curve, log_hazards(all, log_hr, courses), pieces)
    }
    reached <- outer(event_times(increments, log_hazard, edges), checkpoints, "<=")
    seen <- noisy_probes(reached, sensitivity, specificity)
  })
  parts <- lapply(rules, function(rule) event_rows(rows, spells(seen, checkpoints, rule), rule, outcome))
  events <- do.call(rbind, parts)
  events$rule <- factor(events$rule, rules)
  attr(events, "metadata") <- list(time = "epoch")
  attr(events, "truth") <- list(log_hr = log_hr, variance = variance,
                                baseline = data.frame(time = edges, hazard = c(0, cumsum(increments))))
  events
}

# Facts and runs with their covariates and the sum of their random effects (-Inf: never learns).
learning_rows <- function(facts, seeds, arms, share_latent, groups, never, variance, frailty) {
  effect <- function(n, variance) {
    if (variance == 0) return(numeric(n))
    if (frailty == "gaussian") return(stats::rnorm(n, 0, sqrt(variance)))
    log(stats::rgamma(n, 1 / variance, 1 / variance))
  }
  name <- function(letter, n) {
    labels <- sprintf("%s%0*d", letter, nchar(n), seq_len(n))
    factor(labels, labels)
  }
  fact <- data.frame(
    fact_id = name("f", facts), group = name("g", groups)[sample(rep_len(seq_len(groups), facts))],
    latent = stats::runif(facts) < share_latent, popularity = stats::rnorm(facts)
  )
  fact$random <- effect(facts, variance[["fact"]]) + effect(groups, variance[["group"]])[fact$group]
  fact$random[stats::runif(facts) < never] <- -Inf
  runs <- data.frame(arm = rep(name("arm", arms), each = seeds), seed = rep(seq_len(seeds), arms))
  labels <- sprintf("%s-seed%d", runs$arm, runs$seed)
  runs$run <- factor(labels, labels)
  runs$effect <- effect(nrow(runs), variance[["run"]])
  rows <- cbind(runs[rep(seq_len(nrow(runs)), each = facts), ], fact[rep(seq_len(facts), nrow(runs)), ],
                row.names = NULL)
  rows$random <- rows$random + rows$effect
  rows
}

# Log hazard of every row in every piece, without the baseline.
log_hazards <- function(rows, log_hr, courses) {
  log_hr[["latent"]] * outer(as.numeric(rows$latent), courses$latent) +
    log_hr[["popularity"]] * outer(rows$popularity, courses$popularity) +
    log_hr[["arm"]] * outer(as.integer(rows$arm) - 1, courses$arm) + rows$random
}

event_rows <- function(rows, spells, rule, outcome) {
  data.frame(
    rows[c("run", "arm", "seed", "fact_id")],
    outcome = factor(outcome, c("acquisition", "generalisation", "degradation")), rule = rule, spells,
    split = factor(if (outcome == "generalisation") "withheld" else "trained", c("trained", "withheld")),
    relation = factor("simulated"), group = rows$group, latent = rows$latent, logp0 = -3 + rows$latent,
    p0 = 0.05 + 0.2 * rows$latent, popularity = rows$popularity
  )
}

completed <- function(given, names, what) {
  stray <- setdiff(names(given), names)
  if (length(stray) || length(given) != length(names(given))) {
    stop("`", what, "` has the names ", toString(names), ", not ", toString(c(stray, "none")[[1L]]), call. = FALSE)
  }
  c(unlist(given), stats::setNames(numeric(length(names)), names)[setdiff(names, names(given))])[names]
}

check_learning <- function(facts, seeds, arms, checkpoints, curve, variance, frailty, share_latent, never, sensitivity,
                           specificity) {
  wrong <- c(
    "`facts`, `seeds` and `arms` are at least 1"[min(facts, seeds, arms) < 1],
    "`checkpoints` are increasing times above 0"[is.unsorted(checkpoints, strictly = TRUE) || checkpoints[[1L]] <= 0],
    "`curve` has one value a checkpoint"[length(curve) != length(checkpoints)],
    "variances are not negative"[any(variance < 0)],
    "`frailty` is \"gaussian\" or \"gamma\""[!frailty %in% c("gaussian", "gamma")],
    "`share_latent` is from 0 to 1"[share_latent < 0 || share_latent > 1],
    "`never` is from 0 to below 1"[never < 0 || never >= 1],
    "`sensitivity` and `specificity` are from 0 to 1"[min(sensitivity, specificity) < 0 ||
                                                        max(sensitivity, specificity) > 1]
  )
  if (length(wrong)) stop(toString(wrong), call. = FALSE)
}
