# Facts with known effects, probed at whole epochs, so that the times are heavily tied as in a real study.
# Log hazards: latent log(2.5), popularity 0.3 per SD, relations 0, 0.4, -0.4, fact groups with variance 0.1.
simulate_events <- function(facts = 300L, runs = 2L, epochs = 12L, arms = 1L, seed = 1L, rules = "first") {
  set.seed(seed)
  relation <- factor(sample(c("capital", "currency", "element"), facts, TRUE), c("capital", "currency", "element"))
  group <- factor(sprintf("g%02d", sample(12L, facts, TRUE)))
  fact <- data.frame(
    fact_id = factor(sprintf("f%04d", seq_len(facts))), relation = relation, group = group,
    split = factor(ifelse(stats::runif(facts) < 0.6, "trained", "withheld"), c("trained", "withheld")),
    popularity = stats::rlnorm(facts, 2, 0.8), known = stats::runif(facts) < 0.25
  )
  noise <- stats::rnorm(nlevels(group), 0, sqrt(0.1))[group]
  fixed <- 0.3 * as.numeric(scale(fact$popularity)) + c(0, 0.4, -0.4)[relation] + noise
  one_run <- function(run) {
    arm <- (run - 1L) %% arms
    row <- fact
    row$latent <- !row$known & stats::runif(facts) < 0.3
    row$run <- sprintf("arm%d-seed%d", arm + 1L, (run - 1L) %/% arms + 1L)
    row$arm <- sprintf("arm%d", arm + 1L)
    row$seed <- (run - 1L) %/% arms + 1L
    row$outcome <- ifelse(row$known, "degradation", ifelse(row$split == "trained", "acquisition", "generalisation"))
    base <- log(c(acquisition = 0.12, generalisation = 0.01, degradation = 0.06)[row$outcome])
    protected <- ifelse(row$outcome == "degradation" & row$split == "trained", -0.8, 0)
    hazard <- exp(base + fixed + log(2.5) * row$latent + protected + 0.3 * arm)
    row$time <- stats::rexp(facts) / hazard
    row
  }
  rows <- do.call(rbind, lapply(seq_len(runs * arms), one_run))
  parts <- lapply(seq_along(rules), function(i) interval_rows(rows, epochs - i + 1L, rules[[i]]))
  events <- do.call(rbind, parts)
  for (column in c("run", "arm", "rule")) events[[column]] <- factor(events[[column]])
  events$outcome <- factor(events$outcome, c("acquisition", "generalisation", "degradation"))
  rownames(events) <- NULL
  events
}

# What the probes see of continuous times: the event is dated at the first checkpoint after it.
interval_rows <- function(rows, epochs, rule) {
  seen <- rows$time <= epochs
  stop <- ifelse(seen, ceiling(rows$time), epochs)
  data.frame(
    rows[c("run", "arm", "seed", "fact_id", "outcome")], rule = rule, start = 0, stop = stop, event = seen,
    left = ifelse(seen, stop - 1, stop), right = ifelse(seen, stop, NA),
    rows[c("split", "relation", "group", "latent")],
    logp0 = -3 + rows$latent, p0 = 0.05 + 0.2 * rows$latent, popularity = rows$popularity
  )
}

standard_plan <- function(...) {
  plan <- list(
    outcomes = c("acquisition", "generalisation", "degradation"), rules = "first",
    covariates = list(acquisition = c("latent", "popularity", "relation"), generalisation = c("latent", "popularity"),
                      degradation = c("split", "popularity")),
    curves_by = list(acquisition = c("latent", "relation"), generalisation = "latent", degradation = "split"),
    random = c("group", "run"), standardise = TRUE
  )
  utils::modifyList(plan, list(...))
}

# One task of the standard plan, by its model.
task_of <- function(events, model, outcome = "acquisition", plan = standard_plan()) {
  tasks <- plan_fits(events, plan)
  Filter(function(task) task$model == model && task$outcome == outcome, tasks)[[1L]]
}

# survSplit() wants `Surv` bare and in sight.
all_columns <- stats::as.formula("Surv(start, stop, event) ~ .", env = asNamespace("survival"))

# Tables without what differs between two runs of the same fit: seconds, and the order of ties within residuals.
strip_time <- function(tables) {
  tables$fits$seconds <- NULL
  tables$fits$iterations <- NULL
  for (name in intersect(c("zph_points", "form_points"), names(tables))) {
    tables[[name]] <- tables[[name]][do.call(order, tables[[name]]), ]
    rownames(tables[[name]]) <- NULL
  }
  # Predicted effects at a variance of zero are rounding, and so are their ranks.
  tables$random_effects <- NULL
  tables$variances$variance <- tables$variances$sd <- tables$variances$median_hr <- NULL
  tables
}
