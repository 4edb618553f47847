# The tables that this package returns. docs/tables.md says what each column means; the same names and types
# are in events/schema.py, so that a table goes back to Python without being renamed or guessed at.

#' Columns of every table of the analysis
#'
#' @return A named list (table) of named character vectors (column name, R type), in the order of the contract.
#' @export
contract_columns <- function() {
  text <- "character"
  whole <- "integer"
  real <- "double"
  id <- c(task = text, outcome = text, rule = text, model = text)
  typed <- function(type, names) stats::setNames(rep(type, length(names)), names)
  list(
    fits = c(
      id, typed(text, c("name", "title", "formula", "ties")),
      typed(whole, c("rows", "facts", "runs", "events", "dropped")),
      typed(text, c("status", "reason", "doubt", "error", "warnings", "messages")),
      converged = "logical", iterations = whole,
      typed(real, c("loglik", "loglik_null", "df", "aic", "concordance", "concordance_se", "seconds")), engine = text
    ),
    coefficients = c(
      id, typed(text, c("term", "label", "unit")),
      typed(real, c("estimate", "se", "se_robust", "hr", "lower", "upper", "z", "p")), infinite = "logical"
    ),
    curves = c(
      id, typed(text, c("by", "stratum")), time = real, typed(whole, c("n_risk", "n_event", "n_censor")),
      typed(real, c("survival", "lower", "upper", "incidence", "incidence_lower", "incidence_upper"))
    ),
    risk_table = c(id, typed(text, c("by", "stratum")), time = real, typed(whole, c("n_risk", "events"))),
    rmst = c(
      id, typed(text, c("by", "axis", "group", "reference")), horizon = real,
      typed(real, c("rmst", "rmst_se", "rmst_reference", "rmst_reference_se", "difference", "se", "lower", "upper",
                    "p"))
    ),
    sensitivity = c(
      id, typed(text, c("method", "term", "label", "unit")), events = whole,
      typed(real, c("estimate", "se", "hr", "lower", "upper")), infinite = "logical", doubt = text
    ),
    arms = c(
      id, typed(text, c("arm", "reference")), typed(whole, c("seeds", "events")),
      typed(real, c("estimate", "se", "hr", "lower", "upper", "p", "p_holm")), infinite = "logical",
      typed(real, c("horizon", "rmst", "rmst_reference", "difference", "difference_lower", "difference_upper",
                    "difference_p", "difference_p_holm", "examples_horizon", "examples_difference", "examples_lower",
                    "examples_upper", "examples_p", "examples_p_holm"))
    ),
    aft = c(
      id, distribution = text, aic = real, chosen = "logical", typed(text, c("term", "label", "unit")),
      typed(real, c("estimate", "se", "se_robust", "time_ratio", "lower", "upper", "p", "hr", "hr_lower", "hr_upper")),
      infinite = "logical"
    ),
    turnbull = c(
      id, typed(text, c("by", "stratum")), typed(real, c("left", "right", "mass", "incidence", "lower", "upper"))
    ),
    tests = c(id, by = text, typed(real, c("statistic", "df", "p"))),
    zph_tests = c(id, term = text, typed(real, c("chisq", "df", "p")), transform = text),
    zph_points = c(id, term = text, typed(real, c("time", "residual"))),
    zph_curves = c(id, term = text, typed(real, c("time", "fit", "lower", "upper"))),
    zph_periods = c(
      id, term = text, period = whole, typed(real, c("from", "to")), events = whole,
      typed(real, c("estimate", "se", "hr", "lower", "upper", "p"))
    ),
    term_tests = c(id, typed(text, c("term", "test")), typed(real, c("chisq", "df", "p"))),
    effect_curves = c(
      id, typed(text, c("term", "label", "axis")),
      typed(real, c("at", "estimate", "se", "hr", "lower", "upper", "band_lower", "band_upper"))
    ),
    influence = c(
      id, typed(text, c("aspect", "term", "unit")), typed(real, c("value", "hr_without", "lower", "upper", "p")),
      rank = whole
    ),
    form_tests = c(id, typed(text, c("term", "part")), typed(real, c("chisq", "df", "p"))),
    form_points = c(id, term = text, typed(real, c("value", "residual")), rows = whole),
    form_curves = c(id, typed(text, c("term", "shape")), typed(real, c("value", "fit", "lower", "upper"))),
    form_shapes = c(
      id, typed(text, c("term", "shape")), typed(real, c("df", "loglik", "aic", "from", "to", "hr", "lower", "upper")),
      main = text, typed(real, c("main_hr", "main_lower", "main_upper"))
    ),
    latent_definitions = c(
      id, definition = text, samples = whole, typed(real, c("temperature", "share")),
      typed(text, c("term", "label", "unit")), events = whole,
      typed(real, c("estimate", "se", "hr", "lower", "upper", "p")), infinite = "logical", doubt = text
    ),
    variances = c(
      id, grouping = text, typed(whole, c("levels", "levels_two")),
      typed(real, c("variance", "sd", "median_hr", "lower", "upper", "chisq", "p", "variance_other")),
      boundary = "logical", verdict = text
    ),
    marginal = c(
      id, typed(text, c("term", "label", "unit")),
      typed(real, c("time", "hr", "lower", "upper", "marginal_hr", "marginal_lower", "marginal_upper")), method = text
    ),
    random_effects = c(
      id, typed(text, c("grouping", "level")), typed(real, c("estimate", "se", "hr", "lower", "upper")), rank = whole
    ),
    occupation = c(
      id, typed(text, c("by", "stratum")), time = real, state = text, n_risk = whole,
      typed(real, c("probability", "se", "lower", "upper"))
    ),
    sojourns = c(
      id, typed(text, c("by", "stratum", "state")), typed(real, c("horizon", "mean", "se", "lower", "upper"))
    ),
    transition_counts = c(
      id, typed(text, c("by", "stratum", "from", "to")), typed(whole, c("at_risk", "events")), time = real
    ),
    popularity = c(
      id, typed(text, c("part", "arm", "reference")), share = real, typed(whole, c("facts", "runs")),
      typed(real, c("estimate", "se", "df", "lower", "upper", "band_lower", "band_upper"))
    ),
    score_correlations = c(
      id, typed(text, c("relation", "component", "informative", "downstream")),
      typed(whole, c("cells", "facts", "runs")),
      typed(real, c("estimate", "df", "lower", "upper", "r2", "r2_lower", "r2_upper"))
    ),
    mean_ranks = c(
      id, typed(text, c("part", "role", "relation", "set", "stage")), typed(real, c("epoch", "options")),
      typed(text, c("arm", "reference")), typed(whole, c("facts", "runs")),
      typed(real, c("estimate", "se", "df", "lower", "upper", "p"))
    ),
    paired = c(
      id, by = text, at = real, typed(text, c("measure", "arm", "reference")), typed(whole, c("facts", "runs")),
      typed(real, c("estimate", "se", "df", "lower", "upper", "p"))
    ),
    phases = c(
      id, typed(text, c("arm", "run")), number = real, probes = whole,
      typed(real, c("baseline", "phase1_left", "phase1_right", "left", "right", "level", "ratio")),
      level_probes = whole, typed(real, c("rise_left", "rise_right"))
    ),
    scaling = c(
      id, term = text, typed(real, c("estimate", "se", "df", "lower", "upper", "paper", "r2")),
      typed(whole, c("runs", "numbers", "open"))
    ),
    smi = c(
      id, arm = text, parameters = real, typed(text, c("predictor", "reference", "quantity")),
      typed(whole, c("facts", "dropped", "bins")), typed(real, c("estimate", "se", "lower", "upper"))
    ),
    mediation = c(
      id, typed(text, c("step", "covariates", "term", "label", "unit")),
      typed(real, c("estimate", "se", "hr", "lower", "upper", "change", "change_lower", "change_upper", "concordance",
                    "gain", "gain_lower", "gain_upper", "added", "added_lower", "added_upper", "chisq", "df", "p"))
    ),
    smi_points = c(id, typed(text, c("arm", "predictor", "kind")), typed(real, c("x", "y")), facts = whole),
    transition_coefficients = c(
      id, typed(text, c("from", "to", "method")), events = whole, typed(text, c("term", "label", "unit")),
      typed(real, c("estimate", "se", "se_robust", "hr", "lower", "upper", "z", "p")), infinite = "logical",
      typed(text, c("status", "reason", "doubt"))
    )
  )
}

# Rows of one table with the task's columns in front, all columns present, in the contract's order and types.
# A column that a model does not have (such as the concordance of coxme) is missing, never invented.
contract_table <- function(name, rows, task) {
  types <- contract_columns()[[name]]
  rows <- as.list(rows)
  count <- if (length(rows)) length(rows[[1L]]) else 0L
  rows[c("task", "outcome", "rule", "model")] <-
    lapply(task[c("id", "outcome", "rule", "model")], function(value) rep(paste(value, collapse = ""), count))
  unknown <- setdiff(names(rows), names(types))
  if (length(unknown)) stop("the table ", name, " has no column ", toString(sQuote(unknown, FALSE)))
  columns <- lapply(names(types), function(column) {
    value <- if (is.null(rows[[column]])) rep(NA, count) else rows[[column]]
    storage.mode(value) <- types[[column]]
    unname(value)
  })
  list2DF(stats::setNames(columns, names(types)))
}
