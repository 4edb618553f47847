#!/usr/bin/env Rscript
# Analyse one event table, without Python.
#
#   Rscript stats/exec/analyse.R results/world-facts/events.arrow plan.json outdir

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) != 3L) {
  writeLines("usage: Rscript stats/exec/analyse.R EVENTS.arrow PLAN.json FOLDER", stderr())
  quit(status = 2L)
}
here <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
# Of the project, where this file is in it.
own <- file.path(dirname(dirname(dirname(normalizePath(here)))), ".r", "library")
if (dir.exists(own)) .libPaths(c(own, .libPaths()))
sources <- sort(list.files(file.path(dirname(dirname(here)), "R"), "[.]R$", full.names = TRUE), method = "radix")
package <- if (length(sources)) new.env() else asNamespace("factsurv")
for (path in sources) sys.source(path, package)

plan <- jsonlite::fromJSON(arguments[[2L]], simplifyDataFrame = FALSE)
given <- list(events = package$read_table(arguments[[1L]]))
needed <- unique(vapply(package$plan_fits(given$events, plan), `[[`, "", "table"))
for (name in setdiff(needed, "events")) {
  beside <- file.path(dirname(arguments[[1L]]), paste0(name, ".arrow"))
  if (file.exists(beside)) given[[name]] <- package$read_table(beside)
}
tables <- package$analyse(given, plan)
package$write_tables(tables, arguments[[3L]])
fits <- tables$fits
writeLines(sprintf("%-14s %-50s %s", fits$status, fits$task, fits$reason))
writeLines(sprintf("%d fits (%s) in %.1f s, written to %s", nrow(fits),
                   paste(names(table(fits$status)), table(fits$status), collapse = ", "), sum(fits$seconds),
                   arguments[[3L]]))
