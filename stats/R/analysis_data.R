#' The rows that one fit uses
#'
#' Filters the event table to one outcome and rule, drops rows that cannot be used, drops covariates that cannot
#' be estimated, and says all of it. Nothing is fitted here.
#'
#' @param events data.frame of counting-process rows, as in `docs/tables.md`; of the table `transitions`, the rows that
#'   [stays_at_risk()] takes.
#' @param outcome,rule one value each.
#' @param covariates columns of the model's fixed part.
#' @param grouping other columns that must be present (strata, cluster, random effects, curves).
#' @param standardise divide numeric covariates by their standard deviation (over the rows of the fit)?
#' @param most of more rows than this a random sample of whole facts is taken, and said in `notes`.
#' @return A list: `data` (data.frame), `terms` (see [describe_terms()]), `covariates` (those that remain), `dropped`
#'   (rows with missing or impossible values), `remarks` (plain words, to be shown as the fit's reason), `notes`,
#'   `status` and `reason` (not empty where there is nothing to fit).
#' @examples
#' learned <- simulate_learning(facts = 120, seeds = 2, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' ready$terms[c("term", "label")]
#' head(ready$data[c("fact_id", "start", "stop", "event", "latent")])
#' @export
analysis_data <- function(events, outcome, rule, covariates = character(), grouping = character(),
                          standardise = FALSE, most = Inf) {
  ready <- rows_at_risk(events, outcome, rule, covariates, grouping)
  if (nzchar(ready$status)) return(ready)
  some <- sampled(ready$data, most)
  if (length(some$notes)) ready$data <- as_levels(some$data, unique(c(covariates, grouping)))
  ready$notes <- some$notes
  chosen <- estimable(ready$data, covariates)
  scaled <- if (standardise) scale_numeric(ready$data, chosen$covariates) else list(data = ready$data)
  ready$data <- scaled$data
  ready$covariates <- chosen$covariates
  ready$terms <- describe_terms(scaled$data, chosen$covariates, scaled$sds, scaled$means)
  ready$remarks <- c(ready$remarks, chosen$remarks)
  ready
}

#' @rdname analysis_data
#' @details `rows_at_risk()` stops before the covariates are looked at: `terms` is NULL.
#' @export
rows_at_risk <- function(events, outcome, rule, covariates = character(), grouping = character()) {
  events <- stays_at_risk(events, outcome)
  needed <- unique(c("outcome", "rule", "fact_id", "run", "start", "stop", "event", covariates, grouping))
  absent <- setdiff(needed, names(events))
  if (length(absent)) {
    reason <- sprintf("the table has no column '%s'; the nearest is '%s'", absent,
                      vapply(absent, nearest, "", candidates = names(events)))
    return(no_data(events, "failed", paste(reason, collapse = "; ")))
  }
  data <- same_times(take_rows(events, is_level(events$outcome, outcome) & is_level(events$rule, rule)))
  at_risk <- sprintf("no fact is at risk of %s under the rule '%s'", outcome, rule)
  if (!nrow(data)) return(no_data(data, "not estimable", at_risk))
  usable <- usable_rows(data, setdiff(needed, c("outcome", "rule")))
  if (!nrow(usable$data)) {
    return(no_data(data, "not estimable", paste("no row is left:", usable$remarks), usable$dropped))
  }
  data <- as_levels(usable$data, unique(c(covariates, grouping)))
  list(data = data, covariates = covariates, terms = NULL, dropped = usable$dropped, remarks = usable$remarks,
       status = "", reason = "")
}

no_data <- function(data, status, reason, dropped = 0L) {
  list(data = data[0L, , drop = FALSE], covariates = character(), terms = NULL, dropped = dropped,
       remarks = character(), status = status, reason = reason)
}

# Rows without missing values and with a true interval: Surv() would turn an interval of length zero into NA.
usable_rows <- function(data, columns) {
  rows <- nrow(data)
  missing <- vapply(columns, function(column) missing_values(data[[column]]), 0L)
  complete <- if (any(missing > 0L)) stats::complete.cases(data[columns]) else TRUE
  # Where everybody starts before anybody stops, the extremes tell, without a vector of the rows' length.
  apart <- isTRUE(min(data$stop) > max(data$start))
  forward <- if (apart) TRUE else data$stop > data$start
  remarks <- character()
  if (any(missing > 0L)) {
    remarks <- sprintf("%d of %d rows dropped for missing values (%s)", sum(!complete), rows,
                       toString(sprintf("%s: %d", columns, missing)[missing > 0L]))
  }
  empty <- sum(complete & !forward)
  if (empty) remarks <- c(remarks, sprintf("%d rows dropped whose interval is empty (stop <= start)", empty))
  data <- take_rows(data, complete & forward)
  data$event <- as.logical(data$event)
  row <- if (nrow(data)) repeated_row(data, c("run", "fact_id", "start")) else 0L
  if (row > 0L) {
    remarks <- c(remarks, sprintf("fact '%s' has more than one row from the same start in run '%s'",
                                  data$fact_id[[row]], data$run[[row]]))
  }
  list(data = data, dropped = rows - nrow(data), remarks = remarks)
}

# Without its class anyNA() looks at a factor as it is; with it, at a vector of is.na().
missing_values <- function(value) if (anyNA(unclass(value))) sum(is.na(value)) else 0L

# The rows where `keep` is TRUE. Far cheaper than `[`, which makes unique row names first.
take_rows <- function(data, keep) {
  if (isTRUE(all(keep))) data else at_rows(data, which(keep))
}

at_rows <- function(data, rows) {
  of <- function(column) if (is.matrix(column)) column[rows, , drop = FALSE] else column[rows]
  structure(lapply(data, of), class = "data.frame", row.names = .set_row_names(length(rows)))
}

# Which rows have a level; one TRUE where all have it. Of a factor, the codes are compared, not a text per row.
is_level <- function(column, value) {
  if (!is.factor(column)) return(column == value)
  code <- match(value, levels(column), nomatch = 0L)
  codes <- bare_codes(column)
  if (length(codes) && isTRUE(codes[[1L]] == code && min(codes) == max(codes))) TRUE else codes == code
}

# Text and logical as factors (levels in C order), unused levels dropped.
as_levels <- function(data, columns) {
  for (column in columns) {
    value <- data[[column]]
    if (is.logical(value)) value <- structure(value + 1L, levels = c("FALSE", "TRUE"), class = "factor")
    if (is.character(value)) value <- factor(value, levels = sort(unique(value), method = "radix"))
    if (is.factor(value)) value <- used_levels(value)
    data[[column]] <- value
  }
  data
}

# factor(value) by its codes, not by a text per row.
used_levels <- function(value) {
  codes <- bare_codes(value)
  # Few levels mostly occur among the first rows already.
  used <- tabulate(utils::head(codes, 10000L), nlevels(value)) > 0L
  if (!all(used)) used <- tabulate(codes, nlevels(value)) > 0L
  if (!all(used)) codes <- cumsum(used)[codes]
  structure(codes, levels = levels(value)[used], class = "factor")
}

n_distinct <- function(value) {
  if (is.factor(value)) sum(tabulate(value, nlevels(value)) > 0L) + anyNA(unclass(value)) else length(unique(value))
}

# Covariates that vary and are not determined by the ones before them. What can be estimated from some of the rows can
# be estimated from all, so that most tables need no more than a look at a few thousand rows, evenly spaced.
estimable <- function(data, covariates) {
  some <- unique(round(seq(1, nrow(data), length.out = 5000L)))
  chosen <- independent(data[some, covariates, drop = FALSE], covariates)
  if (length(some) == nrow(data) || !length(chosen$remarks)) return(chosen)
  distinct <- collapse_rows(data, covariates, nrow(data) / 2)$row
  independent(if (is.null(distinct)) data[covariates] else data[distinct, covariates, drop = FALSE], covariates)
}

independent <- function(data, covariates) {
  kept <- remarks <- character()
  design <- matrix(1, nrow(data), 1L)
  for (covariate in covariates) {
    if (n_distinct(data[[covariate]]) < 2L) {
      value <- data[[covariate]][[1L]]
      value <- if (is.numeric(value)) exactly(value) else format(value)
      remarks <- c(remarks, sprintf("%s is left out: it is constant (%s)", covariate, value))
      next
    }
    columns <- treatment_columns(data[[covariate]])
    centred <- columns - rep(colMeans(columns), each = nrow(columns))
    # A level that a sample of the rows lacks has no spread.
    empty <- any(colSums(columns != rep(columns[1L, ], each = nrow(columns))) == 0)
    wider <- cbind(design, centred / rep(sqrt(colSums(centred^2)), each = nrow(columns)))
    if (empty || qr(wider)$rank < ncol(wider)) {
      remarks <- c(remarks, sprintf("%s is left out: it is determined by %s", covariate, toString(kept)))
      next
    }
    design <- wider
    kept <- c(kept, covariate)
  }
  list(covariates = kept, remarks = remarks)
}

scale_numeric <- function(data, covariates) {
  numeric <- covariates[vapply(covariates, function(column) is.numeric(data[[column]]), TRUE)]
  spell <- if (length(numeric)) row_patterns(data, c("run", "fact_id"))
  values <- lapply(data[numeric], of_spells, spell = spell)
  sds <- vapply(values, stats::sd, 0)
  means <- vapply(values, mean, 0)
  for (column in numeric) data[[column]] <- (data[[column]] - means[[column]]) / sds[[column]]
  list(data = data, sds = sds, means = means)
}

# One value of each fact and run, where it does not change with time: a fact with many rows is still one fact, and its
# hazard ratio per standard deviation stays what it was when its spell is split.
of_spells <- function(value, spell) {
  if (max(spell) == length(spell)) return(value)
  first <- !duplicated(spell)
  once <- value[first]
  once[spell[first]] <- once
  if (isTRUE(all(value == once[spell]))) once else value
}

# Also where a table brings its events as 0 and 1: as an index these would be places, without a word.
times_of_events <- function(data) data$stop[as.logical(data$event)]
