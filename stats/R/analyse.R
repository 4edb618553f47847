#' A whole analysis, one fit after the other
#'
#' @param events data.frame of counting-process rows, as in `docs/tables.md`; see [read_table()]. Or a named list of the
#'   tables that the plan's tasks read, `events` among them.
#' @param plan see [plan_fits()].
#' @return A named list with every table of [contract_columns()]; a table that no fit produced has no rows.
#' @export
analyse <- function(events, plan) {
  given <- if (is.data.frame(events)) list(events = events) else events
  results <- lapply(plan_fits(given$events, plan), function(task) run_fit(given[[task$table]], task))
  nobody <- list(id = character(), outcome = character(), rule = character(), model = character())
  tables <- names(contract_columns())
  bound <- lapply(tables, function(name) {
    rows <- do.call(rbind, c(list(contract_table(name, list(), nobody)), lapply(results, `[[`, name)))
    rownames(rows) <- NULL
    rows
  })
  stats::setNames(bound, tables)
}

#' Write tables as CSV files
#'
#' @param tables named list of data.frames.
#' @param folder where to write; made if need be.
#' @return The paths, invisibly.
#' @export
write_tables <- function(tables, folder) {
  dir.create(folder, recursive = TRUE, showWarnings = FALSE)
  paths <- file.path(folder, paste0(names(tables), ".csv"))
  for (i in seq_along(tables)) {
    utils::write.csv(tables[[i]], paths[[i]], row.names = FALSE, na = "", fileEncoding = "UTF-8")
  }
  invisible(paths)
}
