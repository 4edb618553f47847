# The tests of the R package, lintr over all R files, and R's own check of the package. `make test` runs it:
# Rscript tests/r.R
root <- normalizePath(".")
libraries <- file.path(root, ".r", c("library-dev", "library"))
.libPaths(c(libraries[dir.exists(libraries)], .libPaths()))
cores <- max(1L, min(4L, parallel::detectCores()), na.rm = TRUE)
Sys.setenv(R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep), NOT_CRAN = "true", TESTTHAT_CPUS = cores)

results <- as.data.frame(testthat::test_local(
  "stats", load_package = "source", reporter = "summary", stop_on_failure = FALSE
))
failed <- sum(results$failed) + sum(results$error)
cat(sprintf("R: %d passed, %d failed, %d skipped\n", sum(results$passed), failed, sum(results$skipped)))

# Each room has its own .lintr. lintr looks up in the loaded package what a file uses of the others; the report's files
# are no package, and there it does not look.
lint <- function() {
  pkgload::load_all("stats", quiet = TRUE)
  c(lintr::lint_dir("stats"), lintr::lint_dir("reports", pattern = "[.]R$"))
}

# R CMD check: help pages, usages, dependencies. The tests have run above, and there is no LaTeX for the manual.
check <- function() {
  scratch <- tempfile("check")
  dir.create(scratch)
  setwd(scratch)
  Sys.setenv("_R_CHECK_FORCE_SUGGESTS_" = "false", "_R_CHECK_CRAN_INCOMING_" = "false")
  command <- function(...) {
    suppressWarnings(system2(file.path(R.home("bin"), "R"), c("CMD", ...), stdout = TRUE, stderr = TRUE))
  }
  said <- command("build", shQuote(file.path(root, "stats")))
  c(said, command("check", "--no-manual", "--no-tests", list.files(scratch, "[.]tar[.]gz$")))
}

# A part that stops leaves an error in its place, one that is killed nothing.
found <- parallel::mclapply(list(lints = lint, check = check), function(part) part(), mc.cores = cores)
died <- vapply(found, function(part) is.null(part) || inherits(part, "try-error"), NA)
if (any(died)) stop("ended without a result: ", toString(names(found)[died]), "\n", unlist(found[died]))
print(found$lints)
cat(sprintf("lintr: %d lints\n", length(found$lints)))
clean <- any(grepl("^Status: OK", found$check))
if (!clean) writeLines(found$check)
cat(sprintf("R CMD check: %s\n", if (clean) "clean" else "NOT clean"))
quit(status = as.integer(failed > 0 || length(found$lints) > 0 || !clean))
