# The tests of the R package, and lintr over all R files. Run by `make test`: Rscript tests/r.R
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
quit(status = as.integer(failed > 0 || length(lints) > 0))
