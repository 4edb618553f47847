# The rows and columns of one entry of [[analysis.model]], in the shape of analysis_data().
model_data <- function(table, task) {
  kind <- model_kinds()[[task$model]]
  args <- task$args
  parsed <- parse_formula(args$formula, args$names)
  random <- unlist(strsplit(texts(args$random), "/", fixed = TRUE))
  grouping <- unique(c(texts(args$strata), texts(args$cluster), random, texts(args$by), texts(args$cause)))
  rows <- if (is.null(kind$rows)) rows_at_risk else kind$rows
  ready <- rows(table, task$outcome, task$rule, parsed$columns, grouping[nzchar(grouping)])
  ready$parsed <- parsed
  if (nzchar(ready$status)) return(ready)
  made <- captured(formula_design(parsed, ready$data, isTRUE(args$standardise)))
  if (is.null(made$value)) return(utils::modifyList(ready, list(status = "failed", reason = made$error)))
  design <- made$value
  ready$remarks <- c(ready$remarks, design$remarks)
  utils::modifyList(ready, design[c("data", "covariates", "terms", "frame")])
}
