#' The fits that a plan asks for
#'
#' The first rule is the primary one and gets the whole analysis; every other rule gets its curves, its Cox model and
#' the main hazard ratio under every method for ties, to see how much the answer depends on such choices. Where the
#' table has more than one arm, the arm becomes a covariate and a set of curves, and the arms are compared.
#'
#' @param events data.frame of counting-process rows, as in `docs/tables.md`.
#' @param plan list with `outcomes`, `rules` (character; the first rule is primary), `covariates` and `curves_by`
#'   (named lists, outcome to character), and optionally `strata`, `cluster` (default `"fact_id"`), `random`,
#'   `ties` (`"efron"` or `"breslow"`), `standardise` (numeric covariates per standard deviation), `conf`,
#'   `mixed_engine` (`"auto"`, `"coxme"` or `"fast"`, see [cox_mixed()]), `zph` (transform of time for the Schoenfeld
#'   tests, see [zph_tables()]), `horizon` (of restricted means and mean times in states, see [rmst_difference()]),
#'   `history` (is there a table `history` beside the events? Then the margin at the start of each interval is a
#'   predictor as well), `states` (list of `covariates` and `by`: the states of knowledge are analysed, see
#'   [multi_state()]; FALSE for none), `comparisons` (tables beside the events in which recipes are compared fact by
#'   fact: `ends`, `attention_ends`, `sweep`, see [accuracy_by_popularity()]; phases told: `pools`, see [phases()];
#'   accuracy beside counts: `accuracy`, see [accuracy_by_counts()]; what follows from facts: `ranks`, see
#'   [mean_ranks()], `implied`, `implied_states`), `formula` (release of SMI's formula), and `models` (list of entries
#'   of `[[analysis.model]]`, see [model_kinds()]).
#' @return A list of tasks. A task is a plain list: `id` (unique, readable, stable), `fn` (the function that fits it;
#'   `"model"` for an entry of `models`), `outcome`, `rule`, `model`, `name` (of the entry, else empty), `table` (that
#'   it reads), `args`, `title` (plain words).
#' @export
plan_fits <- function(events, plan) {
  plan <- complete_plan(plan)
  plan$counted <- names(events)
  plan$several_runs <- length(unique(events$run)) > 1L
  several_arms <- length(unique(events$arm)) > 1L
  tasks <- list()
  for (outcome in plan$outcomes) {
    covariates <- texts(plan$covariates[[outcome]])
    curves_by <- texts(plan$curves_by[[outcome]])
    if (several_arms) {
      covariates <- union(covariates, "arm")
      curves_by <- union(curves_by, "arm")
    }
    covariates <- setdiff(covariates, plan$strata)
    for (rule in plan$rules) {
      primary <- rule == plan$rules[[1L]]
      tasks <- c(tasks, tasks_of(outcome, rule, covariates, curves_by, plan, primary))
      if (primary && "arm" %in% covariates) tasks <- c(tasks, list(arms_task(outcome, rule, covariates, plan)))
    }
  }
  tasks <- c(tasks, state_tasks(plan, several_arms), paired_tasks(plan), implied_tasks(plan, several_arms),
             model_tasks(plan, list(events = names(events))))
  # A model of kind pwp may be called gap, as the standard one is: the tables tell fits apart by their id.
  ids <- make.unique(vapply(tasks, `[[`, "", "id"), sep = "-")
  Map(utils::modifyList, tasks, lapply(ids, function(id) list(id = id)), USE.NAMES = FALSE)
}

# All tasks of one outcome and rule, the cheap ones first.
tasks_of <- function(outcome, rule, covariates, curves_by, plan, primary) {
  task <- function(model, fn, args, suffix = "", table = "events") {
    new_task(outcome, rule, model, fn, args, suffix, table)
  }
  shared <- plan[c("strata", "cluster", "ties", "standardise", "conf")]
  tested <- c(shared, plan["zph"])
  curves <- lapply(c("", curves_by), function(by) {
    task("km", "km_curves", list(by = by, cluster = plan$cluster, conf = plan$conf), by)
  })
  cox <- if (length(covariates)) list(task("cox", "cox", c(list(covariates = covariates), tested)))
  # Remedies come back as `not needed` where the Cox model is sound: only the fit itself can tell.
  firth <- if (length(covariates)) list(task("cox-firth", "cox_firth", c(list(covariates = covariates), shared)))
  choices <- if (length(covariates)) {
    list(task("sensitivity", "sensitivity", c(list(covariates = covariates), shared)))
  }
  if (!primary) return(c(curves, cox, firth, choices))
  by_curve <- setdiff(curves_by, plan$strata)
  scores <- lapply(by_curve, function(by) {
    task("score", "score_test", list(by = by, strata = plan$strata, cluster = plan$cluster, ties = plan$ties), by)
  })
  means <- lapply(curves_by, function(by) {
    task("rmst", "rmst_difference", c(list(by = by, cluster = plan$cluster, conf = plan$conf), plan["horizon"]), by)
  })
  single <- lapply(covariates, function(covariate) {
    task("cox-univariable", "cox_tested", c(list(covariates = covariate), tested), covariate)
  })
  stratified <- if (length(covariates)) {
    list(task("cox-stratified", "cox_stratified", c(list(covariates = covariates), tested)))
  }
  grouped <- if (length(covariates)) {
    # What follows cloglog comes back as `not needed` where all facts were probed often, and at the same times.
    args <- c(list(covariates = covariates), shared)
    list(task("cloglog", "cloglog", args), task("interval", "interval_where_needed", args),
         task("aft", "aft_where_needed", args))
  }
  unseen <- lapply(c("", curves_by), function(by) {
    task("turnbull", "turnbull_where_needed", list(by = by, cluster = plan$cluster, conf = plan$conf), by)
  })
  warning <- if (plan$history) {
    list(task("cox-history", "cox_univariable", c(list(covariates = c("margin_now", covariates)), shared),
              table = "history"))
  }
  split <- if (length(covariates)) list(task("cox-split", "cox_split", c(list(covariates = covariates), tested)))
  form <- if (length(covariates)) list(task("form", "form_tables", c(list(covariates = covariates), shared)))
  latent <- if ("latent" %in% covariates) {
    list(task("latent-definitions", "latent_definitions", c(list(covariates = covariates), shared)))
  }
  counts <- intersect(counted_columns, plan$counted)
  mediated <- if (all(frequencies %in% counts)) { # a table without counts may call anything mi
    own <- list(covariates = c(setdiff(covariates, counts), counts))
    list(task("mediation", "mediation_by_counts", c(own, shared)))
  }
  by_recipe <- if ("arm" %in% covariates) {
    list(task("cox-arms", "arms_stratified", c(list(covariates = covariates), shared)))
  }
  influence <- if (length(covariates)) {
    list(task("influence", "influence_tables", c(list(covariates = covariates), shared)))
  }
  mixed <- if (length(covariates) && length(plan$random)) {
    args <- c(list(covariates = covariates, random = plan$random, mixed_engine = plan$mixed_engine), tested)
    list(task("frailty-gamma", "frailty_gamma", args), task("coxme", "cox_mixed", args))
  }
  # A fact met in several runs shows what its covariates leave unexplained; met once, it does not.
  facts <- if (length(covariates) && plan$several_runs) {
    list(task("frailty-fact", "frailty_gamma", c(list(covariates = covariates, random = "fact_id"), tested)))
  }
  c(curves, scores, means, single, cox, firth, stratified, split, grouped, unseen, choices, latent, form, influence,
    warning, mediated, by_recipe, facts, mixed)
}

# The runs are random whatever the plan's random effects are: seeds are what recipes are compared over.
arms_task <- function(outcome, rule, covariates, plan) {
  args <- c(list(covariates = covariates, random = union("run", plan$random)),
            plan[c("strata", "cluster", "ties", "standardise", "conf", "mixed_engine", "horizon")])
  new_task(outcome, rule, "arms", "compare_arms", args)
}

# Recipes compared fact by fact, and what follows from facts: each in a table of its own.
paired_tasks <- function(plan) {
  kinds <- list(
    ranks = c("rank", "mean-ranks", "mean_ranks"),
    scores = c("score", "localisation", "score_correlation"),
    ends = c("accuracy", "popularity", "accuracy_by_popularity"),
    attention_ends = c("attention", "attention-change", "attention_by_arm"),
    sweep = c("accuracy", "sweep", "gaps_by_setting"),
    pools = c("plateau", "phases", "learning_phases"),
    accuracy = c("accuracy", "smi", "accuracy_by_counts")
  )
  unknown <- setdiff(plan$comparisons, c(names(kinds), "implied", "implied_states"))
  if (length(unknown)) stop("there is no comparison in a table ", sQuote(unknown[[1L]], FALSE), call. = FALSE)
  lapply(intersect(plan$comparisons, names(kinds)), function(table) {
    kind <- kinds[[table]]
    new_task(kind[[1L]], plan$rules[[1L]], kind[[2L]], kind[[3L]], plan[c("cluster", "conf", "formula")], table = table)
  })
}

new_task <- function(outcome, rule, model, fn, args, suffix = "", table = "events") {
  id <- paste(c(outcome, rule, model, suffix[nzchar(suffix)]), collapse = "/")
  made <- list(id = id, fn = fn, outcome = outcome, rule = rule, model = model, name = "", table = table,
               args = args)
  c(made, title = task_title(made))
}

# The plan with every default filled in; a key that nobody reads is an error, not a wish that is quietly ignored.
complete_plan <- function(plan) {
  defaults <- list(
    outcomes = character(), rules = "first", covariates = list(), curves_by = list(), strata = character(),
    cluster = "fact_id", random = character(), ties = "efron", standardise = FALSE, conf = 0.95,
    mixed_engine = "auto", zph = "identity", horizon = NULL, history = FALSE, states = list(),
    comparisons = character(), formula = "october", models = list()
  )
  unknown <- setdiff(names(plan), names(defaults))
  if (length(unknown)) {
    stop("the plan has no key ", sQuote(unknown[[1L]], FALSE), "; the nearest is ",
         sQuote(nearest(unknown[[1L]], names(defaults)), FALSE), call. = FALSE)
  }
  plan <- shaped_plan(plan)
  models <- plan$models # modifyList() would merge a list into another by its names
  plan <- utils::modifyList(defaults, Filter(Negate(is.null), plan[setdiff(names(plan), "models")]))
  plan$models <- as.list(models)
  for (key in c("outcomes", "rules", "strata", "random", "comparisons")) plan[[key]] <- unique(texts(plan[[key]]))
  plan$cluster <- paste(texts(plan$cluster), collapse = "")
  if (!length(plan$outcomes) || !length(plan$rules)) stop("the plan needs `outcomes` and `rules`", call. = FALSE)
  known <- union(plan$outcomes, c("acquisition", "generalisation", "degradation"))
  stray <- setdiff(c(names(plan$covariates), names(plan$curves_by)), known)
  if (length(stray)) {
    stop("the plan names covariates or curves for ", sQuote(stray[[1L]], FALSE), ", which is no outcome; the nearest ",
         "is ", sQuote(nearest(stray[[1L]], known), FALSE), call. = FALSE)
  }
  check_ties(plan$ties)
  check_zph(plan$zph)
  if (length(plan$horizon) && !isTRUE(is.numeric(plan$horizon) && plan$horizon > 0)) {
    stop("`horizon` is a time above 0", call. = FALSE)
  }
  if (!isTRUE(plan$mixed_engine %in% mixed_engines)) stop_mixed_engine(plan$mixed_engine)
  if (!is.numeric(plan$conf) || plan$conf <= 0 || plan$conf >= 1) {
    stop("`conf` is a share, such as 0.95", call. = FALSE)
  }
  plan
}

# A plan may come from a file that somebody wrote: what is no object where one is read is said as such. `states = false`
# of `[analysis]` is no states.
shaped_plan <- function(plan) {
  if (isFALSE(plan$states)) plan$states <- NULL
  shapes <- c(
    covariates = "{\"acquisition\": [\"latent\"]}", curves_by = "{\"acquisition\": [\"latent\"]}",
    states = "{\"covariates\": [\"logp0\"], \"by\": [\"split\"]}, or false"
  )
  wrong <- vapply(names(shapes), function(key) {
    length(plan[[key]]) > 0L && !(is.list(plan[[key]]) && length(names(plan[[key]])))
  }, TRUE)
  if (any(wrong)) {
    stop(paste0("the plan's `", names(shapes)[wrong], "` has names, as in ", shapes[wrong], collapse = "; "),
         call. = FALSE)
  }
  plan
}

# "exact" is refused: on grouped times it estimates an odds ratio (log HR 0.70 came back as 0.99 with 4 probes).
check_ties <- function(ties) {
  if (!identical(ties, "efron") && !identical(ties, "breslow")) {
    stop("ties = ", sQuote(paste(texts(ties), collapse = " "), FALSE), " is not offered: use \"efron\" (or ",
         "\"breslow\" to see its bias). \"exact\" estimates an odds ratio; the cloglog model is the check for grouped ",
         "times", call. = FALSE)
  }
  invisible(ties)
}

# Character vector from what JSON or Python hands over: a vector, a list of strings, an empty list, or nothing.
texts <- function(x) as.character(unlist(x, use.names = FALSE))

# The candidate nearest to a misspelt name.
nearest <- function(name, candidates) {
  if (!length(candidates)) return("")
  longer <- startsWith(tolower(candidates), tolower(name))
  if (any(longer)) return(candidates[longer][[which.min(nchar(candidates[longer]))]])
  candidates[[which.min(utils::adist(name, candidates, ignore.case = TRUE))]]
}
