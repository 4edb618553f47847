#' The rows that one fit uses
#'
#' Filters the event table to one outcome and rule, drops rows that cannot be used, drops covariates that cannot
#' be estimated, and says all of it. Nothing is fitted here.
#'
#' @param events data.frame of counting-process rows, as in `docs/tables.md`.
#' @param outcome,rule one value each.
#' @param covariates columns of the model's fixed part.
#' @param grouping other columns that must be present (strata, cluster, random effects, curves).
#' @param standardise divide numeric covariates by their standard deviation (over the rows of the fit)?
#' @return A list: `data` (data.frame), `terms` (see [describe_terms()]), `covariates` (those that remain), `dropped`
#'   (rows with missing or impossible values), `remarks` (plain words, to be shown as the fit's reason),
#'   `status` and `reason` (not empty where there is nothing to fit).
#' @export
analysis_data <- function(events, outcome, rule, covariates = character(), grouping = character(),
                          standardise = FALSE) {
  needed <- unique(c("outcome", "rule", "fact_id", "run", "start", "stop", "event", covariates, grouping))
  absent <- setdiff(needed, names(events))
  if (length(absent)) {
    reason <- sprintf("the table has no column '%s'; the nearest is '%s'", absent,
                      vapply(absent, nearest, "", candidates = names(events)))
    return(no_data(events, "failed", paste(reason, collapse = "; ")))
  }
  data <- events[which(events$outcome == outcome & events$rule == rule), , drop = FALSE]
  at_risk <- sprintf("no fact is at risk of %s under the rule '%s'", outcome, rule)
  if (!nrow(data)) return(no_data(data, "not estimable", at_risk))
  usable <- usable_rows(data, setdiff(needed, c("outcome", "rule")))
  if (!nrow(usable$data)) {
    return(no_data(data, "not estimable", paste("no row is left:", usable$remarks), usable$dropped))
  }
  data <- as_treatment(as_levels(usable$data, unique(c(covariates, grouping))), covariates)
  chosen <- estimable(data, covariates)
  scaled <- if (standardise) scale_numeric(data, chosen$covariates) else list(data = data, sds = numeric())
  list(
    data = scaled$data, covariates = chosen$covariates,
    terms = describe_terms(scaled$data, chosen$covariates, scaled$sds),
    dropped = usable$dropped, remarks = c(usable$remarks, chosen$remarks), status = "", reason = ""
  )
}

no_data <- function(data, status, reason, dropped = 0L) {
  list(data = data[0L, , drop = FALSE], covariates = character(), terms = NULL, dropped = dropped,
       remarks = character(), status = status, reason = reason)
}

# Rows without missing values and with a true interval: Surv() would turn an interval of length zero into NA.
usable_rows <- function(data, columns) {
  missing <- vapply(columns, function(column) sum(is.na(data[[column]])), 0L)
  complete <- stats::complete.cases(data[columns])
  forward <- data$stop > data$start
  remarks <- character()
  if (any(missing > 0L)) {
    remarks <- sprintf("%d of %d rows dropped for missing values (%s)", sum(!complete), nrow(data),
                       toString(sprintf("%s: %d", columns, missing)[missing > 0L]))
  }
  empty <- sum(complete & !forward)
  if (empty) remarks <- c(remarks, sprintf("%d rows dropped whose interval is empty (stop <= start)", empty))
  keep <- complete & forward
  keep[is.na(keep)] <- FALSE
  data <- data[keep, , drop = FALSE]
  data$event <- as.logical(data$event)
  codes <- lapply(data[c("run", "fact_id", "start")], function(value) match(value, unique(value)))
  twice <- anyDuplicated(do.call(paste, unname(codes)))
  if (twice) {
    remarks <- c(remarks, sprintf("fact '%s' has more than one row from the same start in run '%s'",
                                  data$fact_id[[twice]], data$run[[twice]]))
  }
  list(data = data, dropped = sum(!keep), remarks = remarks)
}

# Text and logical as factors (levels in C order), unused levels dropped.
as_levels <- function(data, columns) {
  for (column in columns) {
    value <- data[[column]]
    if (is.logical(value)) value <- factor(value, c(FALSE, TRUE))
    if (is.character(value)) value <- factor(value, levels = sort(unique(value), method = "radix"))
    if (is.factor(value)) {
      value <- factor(value, levels = levels(value)[levels(value) %in% value], ordered = FALSE)
    }
    data[[column]] <- value
  }
  data
}

# Treatment contrasts, whatever the user's options("contrasts") says. Covariates only: a matrix of contrasts between
# thousands of facts would take longer than the fit.
as_treatment <- function(data, covariates) {
  for (column in covariates) {
    levels <- levels(data[[column]])
    if (length(levels) > 1L) stats::contrasts(data[[column]]) <- stats::contr.treatment(levels)
  }
  data
}

# Covariates that vary and are not determined by the ones before them.
estimable <- function(data, covariates) {
  kept <- remarks <- character()
  design <- matrix(1, nrow(data), 1L)
  for (covariate in covariates) {
    if (length(unique(data[[covariate]])) < 2L) {
      value <- format(data[[covariate]][[1L]])
      remarks <- c(remarks, sprintf("%s is left out: it is constant (%s)", covariate, value))
      next
    }
    columns <- stats::model.matrix(stats::reformulate(quoted(covariate)), data)[, -1L, drop = FALSE]
    wider <- cbind(design, scale(columns))
    if (qr(wider)$rank < ncol(wider)) {
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
  sds <- vapply(numeric, function(column) stats::sd(data[[column]]), 0)
  for (column in numeric) data[[column]] <- (data[[column]] - mean(data[[column]])) / sds[[column]]
  list(data = data, sds = sds)
}
