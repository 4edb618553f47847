# The tests of the R package, lintr over all R files, and R's own check of the package. `make test` runs it:
# Rscript tests/r.R
root <- normalizePath(".")
libraries <- file.path(root, ".r", c("library-dev", "library"))
.libPaths(c(libraries[dir.exists(libraries)], .libPaths()))
cores <- max(1L, min(4L, parallel::detectCores()), na.rm = TRUE)
Sys.setenv(R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep), NOT_CRAN = "true", TESTTHAT_CPUS = cores)

test <- function() {
  as.data.frame(testthat::test_local("stats", load_package = "source", reporter = "summary", stop_on_failure = FALSE))
}

# Each room has its own .lintr. lintr looks up in the loaded package what a file uses of the others; the report's files
# are no package, and there it does not look.
lint <- function() {
  pkgload::load_all("stats", quiet = TRUE)
  c(lintr::lint_dir("stats"), lintr::lint_dir("reports", pattern = "[.]R$"))
}

# R CMD check: help pages, usages, dependencies. The tests run beside it, and there is no LaTeX for the manual.
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

# Each part in a process of its own, side by side: none of them keeps all cores busy to its end. One that stops leaves
# an error in its place, one that is killed nothing; its seconds come with what it found.
timed <- function(part) {
  began <- proc.time()[["elapsed"]]
  list(found = part(), seconds = proc.time()[["elapsed"]] - began)
}
parts <- list(tests = test, lints = lint, check = check)
ended <- parallel::mclapply(parts, timed, mc.cores = length(parts))
died <- vapply(ended, function(part) is.null(part) || inherits(part, "try-error"), NA)
if (any(died)) stop("ended without a result: ", toString(names(ended)[died]), "\n", unlist(ended[died]))
found <- lapply(ended, `[[`, "found")
failed <- sum(found$tests$failed) + sum(found$tests$error)
clean <- any(grepl("^Status: OK", found$check))
print(found$lints)
if (!clean) writeLines(found$check)
cat(sprintf("R: %d passed, %d failed, %d skipped\n", sum(found$tests$passed), failed, sum(found$tests$skipped)))
cat(sprintf("lintr: %d lints\n", length(found$lints)))
cat(sprintf("R CMD check: %s\n", if (clean) "clean" else "NOT clean"))
cat(sprintf("%s: %.0f s\n", names(ended), vapply(ended, `[[`, 0, "seconds")), sep = "")
quit(status = as.integer(failed > 0 || length(found$lints) > 0 || !clean))
