# The tests of the R package, lintr over all R files, and R's own check of the package. `make test` runs it:
# Rscript tests/r.R
root <- normalizePath(".")
libraries <- file.path(root, ".r", c("library-dev", "library"))
.libPaths(c(libraries[dir.exists(libraries)], .libPaths()))
Sys.setenv(R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep), NOT_CRAN = "true")

results <- as.data.frame(testthat::test_local("stats", load_package = "source", reporter = "summary", stop_on_failure = FALSE))
failed <- sum(results$failed) + sum(results$error)
cat(sprintf("R: %d passed, %d failed, %d skipped\n", sum(results$passed), failed, sum(results$skipped)))

# Each room has its own .lintr; the report's files are not a package, so what they use of each other is not looked up.
lints <- c(lintr::lint_dir("stats"), lintr::lint_dir("reports", pattern = "[.]R$"))
print(lints)
cat(sprintf("lintr: %d lints\n", length(lints)))

# R CMD check: help pages, usages, dependencies. The tests have run above, and there is no LaTeX for the manual.
scratch <- tempfile("check")
dir.create(scratch)
Sys.setenv("_R_CHECK_FORCE_SUGGESTS_" = "false", "_R_CHECK_CRAN_INCOMING_" = "false")
command <- function(...) suppressWarnings(system2(file.path(R.home("bin"), "R"), c("CMD", ...), stdout = TRUE, stderr = TRUE))
built <- setwd(scratch)
said <- command("build", shQuote(file.path(root, "stats")))
said <- c(said, command("check", "--no-manual", "--no-tests", list.files(scratch, "[.]tar[.]gz$")))
setwd(built)
clean <- any(grepl("^Status: OK", said))
if (!clean) writeLines(said)
cat(sprintf("R CMD check: %s\n", if (clean) "clean" else "NOT clean"))
quit(status = as.integer(failed > 0 || length(lints) > 0 || !clean))
