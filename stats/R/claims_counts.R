# Quantities of claims about counts in a corpus: what they foretell, and what of a predictor they explain.

count_quantities <- function() {
  difference <- function(quantity, of) {
    words <- "R-squared of accuracy, %s, of a measure (co_occur, mi, smi) minus another's (level: the arm)"
    pair <- c("by", "group", "reference")
    list(words = sprintf(words, of), keys = c(pair, "level"), needs = pair, scale = "number",
         reads = "smi", measured = TRUE, groupings = "predictor",
         value = function(tables, claim, plan) claimed_r2_difference(tables, claim, quantity))
  }
  by_size <- function(quantity, of) {
    words <- "change of the R-squared of accuracy, %s, with each doubling of the model (level: the measure)"
    list(words = sprintf(words, of), keys = "level", scale = "number", reads = "smi", measured = TRUE,
         value = function(tables, claim, plan) claimed_by_size(tables, claim, quantity))
  }
  of_models <- function(words, column) {
    list(words = words, keys = c("outcome", "rule"), scale = "number", reads = c("fits", "mediation"), measured = TRUE,
         value = function(tables, claim, plan) claimed_mediation(tables, claim, column))
  }
  list(
    "difference of R-squared of bins" = difference("r2_bins", "means of bins"),
    "difference of R-squared of facts" = difference("r2_facts", "single facts"),
    "growth of R-squared of bins" = by_size("r2_bins", "means of bins"),
    "growth of R-squared of facts" = by_size("r2_facts", "single facts"),
    "change of log hazard ratio by counts" = of_models(
      "log hazard ratio of the first predictor with counts in the model, minus that without", "change"
    ),
    "gain of concordance by counts" = of_models("concordance with counts in the model, minus that without", "gain")
  )
}

claimed_r2_difference <- function(tables, claim, quantity) {
  if (claim$by != "predictor") no_estimate("measures are compared: by = \"predictor\"")
  for (one in c(claim$group, claim$reference)) claim_group(smi_predictors, one, "predictor")
  rows <- claimed_rows(tables$smi, quantity = quantity)
  sizes <- rows$parameters
  largest <- if (any(is.finite(sizes))) as.character(rows$arm[which.max(sizes)]) else as.character(rows$arm[[1L]])
  arm <- c(claim$level, largest)[[1L]]
  claim_group(rows$arm, arm, "arm")
  own <- claimed_rows(rows, arm = arm, predictor = claim$group, reference = claim$reference)
  sign <- 1
  if (!nrow(own)) {
    own <- claimed_rows(rows, arm = arm, predictor = claim$reference, reference = claim$group)
    sign <- -1
  }
  ends <- sort(sign * c(own$lower, own$upper), na.last = TRUE)
  what <- sprintf("%s minus %s, %s", claim$group, claim$reference, arm)
  claim_value(sign * own$estimate, ends[[1L]], ends[[2L]], what,
              as.character(own$model), as.character(own$task), reason = sprintf("%d facts", own$facts))
}

claimed_by_size <- function(tables, claim, quantity) {
  predictor <- claim_group(smi_predictors, c(claim$level, "smi")[[1L]], "predictor")
  rows <- claimed_rows(tables$smi, quantity = paste0(quantity, "_per_doubling"), predictor = predictor)
  if (!nrow(rows)) no_estimate("models of one size, or of sizes that are not known, show no growth")
  claim_value(rows$estimate, rows$lower, rows$upper, paste("per doubling,", rows$predictor), as.character(rows$model),
              as.character(rows$task), reason = sprintf("%d facts; the models are taken as given", rows$facts))
}

claimed_mediation <- function(tables, claim, column) {
  fits <- claimed_fits(tables$fits, claim, "mediation")
  rows <- claimed_rows(tables$mediation, task = as.character(fits$task), step = "and both")
  if (!nrow(rows)) why_none(fits, "there is no model with counts")
  what <- paste0(as.character(rows$label), ", counts: ", rows$covariates)
  claim_value(rows[[column]], rows[[paste0(column, "_lower")]], rows[[paste0(column, "_upper")]], what, "mediation",
              as.character(rows$task), doubt = as.character(fits$doubt)[!is.na(fits$doubt)])
}
