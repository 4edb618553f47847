# The recovery study: Rscript stats/tests/validation/validate.R [--cores=2] [--only=base,few] [--replicates=500]
#
# Simulates every scenario, fits our own functions, and writes docs/validation.md and docs/validation.csv (not with
# --only or --replicates). Blocks of 25 replicates are kept in build/validation under the digest of the code: an
# interrupted study goes on where it was. What the tables say is written by hand, in findings.md.

root <- getwd()
here <- file.path(root, "stats", "tests", "validation")
if (!dir.exists(here)) stop("run this from the root of the project")
libraries <- file.path(root, ".r", c("library-dev", "library"))
.libPaths(c(libraries[dir.exists(libraries)], .libPaths()))
pkgload::load_all(file.path(root, "stats"), quiet = TRUE)
if (!requireNamespace("coxme", quietly = TRUE)) stop("the study needs coxme, not the model that stands in for it")
for (file in c("methods.R", "scenarios.R", "recovery.R", "table.R")) source(file.path(here, file))

option <- function(name, default) {
  given <- grep(paste0("^--", name, "="), commandArgs(TRUE), value = TRUE)
  if (length(given)) sub("^[^=]*=", "", given[[1L]]) else default
}
cores <- as.integer(option("cores", 2L))
chosen <- scenarios()
only <- strsplit(option("only", ""), ",", fixed = TRUE)[[1L]]
if (length(only)) chosen <- chosen[only]
all_replicates <- option("replicates", "")
if (nzchar(all_replicates)) for (name in names(chosen)) chosen[[name]]$replicates <- as.integer(all_replicates)

sources <- c(list.files(file.path(root, "stats", "R"), full.names = TRUE),
             file.path(here, c("methods.R", "scenarios.R", "recovery.R")))
key <- substr(rlang::hash(unname(tools::md5sum(sources))), 1L, 12L)
folder <- file.path(root, "build", "validation", key)
dir.create(folder, recursive = TRUE, showWarnings = FALSE)

# Tasks: the targets of each scenario, and its blocks of replicates; the seed of a replicate is its number.
block <- 25L
tasks <- do.call(rbind, lapply(names(chosen), function(name) {
  data.frame(name = name, from = seq(1L, chosen[[name]]$replicates, block))
}))
path_of <- function(name, from) file.path(folder, sprintf("%s-%04d.rds", name, from))
tasks <- tasks[!file.exists(path_of(tasks$name, tasks$from)), ]
# Slow and fast scenarios in turn, so that the time left can be told from the blocks done.
tasks <- tasks[order(stats::ave(seq_len(nrow(tasks)), tasks$name, FUN = seq_along)), ]
cat(sprintf("%d blocks of %d replicates to do, %d processes, kept in %s\n", nrow(tasks), block, cores, folder))
began <- proc.time()[["elapsed"]]

run_block <- function(i) {
  name <- tasks$name[[i]]
  numbers <- tasks$from[[i]] - 1L + seq_len(block)
  numbers <- numbers[numbers <= chosen[[name]]$replicates]
  once <- function(number) replicate_once(chosen[[name]], number) # nolint: object_usage_linter.
  rows <- do.call(rbind, lapply(numbers, once))
  saveRDS(rows, paste0(path_of(name, tasks$from[[i]]), ".part"))
  file.rename(paste0(path_of(name, tasks$from[[i]]), ".part"), path_of(name, tasks$from[[i]]))
  minutes <- (proc.time()[["elapsed"]] - began) / 60
  if (i %% 10L == 0L) {
    cat(sprintf("%4d of %d blocks, %.1f min, about %.1f left\n", i, nrow(tasks), minutes,
                minutes / i * (nrow(tasks) - i)))
  }
  invisible()
}
invisible(parallel::mclapply(seq_len(nrow(tasks)), run_block, mc.cores = cores, mc.preschedule = FALSE))
lost <- tasks$name[!file.exists(path_of(tasks$name, tasks$from))]
if (length(lost)) stop("blocks failed, in: ", toString(unique(lost)), "; run again with --only=", lost[[1L]])

results <- parallel::mclapply(names(chosen), function(name) {
  scenario <- chosen[[name]]
  blocks <- path_of(name, seq(1L, scenario$replicates, block))
  rows <- do.call(rbind, lapply(blocks, readRDS))
  kept <- file.path(folder, paste0(name, "-targets.rds"))
  if (!file.exists(kept)) saveRDS(targets_of(scenario, rows), kept)
  table <- summarise_recovery(rows, readRDS(kept), scenario$replicates)
  table$verdict <- vapply(seq_len(nrow(table)), function(i) verdict_of(table[i, ], scenario), "")
  cbind(scenario = name, table)
}, mc.cores = cores, mc.preschedule = FALSE)
names(results) <- names(chosen)
for (name in names(chosen)) cat("", name, markdown_table(results[[name]]), sep = "\n")
minutes <- (proc.time()[["elapsed"]] - began) / 60
cat(sprintf("%.1f minutes\n", minutes))
if (!length(only) && !nzchar(all_replicates)) {
  utils::write.csv(do.call(rbind, results), file.path(root, "docs", "validation.csv"), row.names = FALSE)
  page <- validation_page(chosen, results, readLines(file.path(here, "findings.md")))
  writeLines(page, file.path(root, "docs", "validation.md"))
  cat("written: docs/validation.md, docs/validation.csv\n")
}
