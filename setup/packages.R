# Restore the R packages of one lock file into one library.
#
#   Rscript setup/packages.R LOCKFILE LIBRARY [LIBRARY_TO_BUILD_ON ...]
#
# Sources, in this order: renv's cache, the cellar named by RENV_PATHS_CELLAR,
# then the user's CRAN, which is not asked if the cellar has everything.
# Exit status 3: no source could be reached (the caller then falls back to
# the system's own R packages and says so).

args <- commandArgs(trailingOnly = TRUE)
lockfile <- normalizePath(args[[1L]])
dir.create(args[[2L]], recursive = TRUE, showWarnings = FALSE)
library_dir <- normalizePath(args[[2L]])
base_dirs <- args[-(1:2)]
cores <- max(1L, parallel::detectCores(), na.rm = TRUE)
say <- function(...) cat("setup (R): ", ..., "\n", sep = "")

if (identical(getOption("repos")[["CRAN"]], "@CRAN@") || is.null(getOption("repos"))) {
  mirror <- Sys.getenv("FACTSURV_CRAN", unset = "")
  if (nzchar(mirror)) options(repos = c(CRAN = mirror))
}
Sys.setenv(MAKEFLAGS = paste0("-j", cores))
if (!file.exists("~/.R/Makevars") && !nzchar(Sys.getenv("R_MAKEVARS_USER"))) {
  Sys.setenv(R_MAKEVARS_USER = normalizePath("setup/Makevars"))
}
options(
  Ncpus = cores, timeout = 120,
  # Most of the time goes into compiling R code to bytes. What runs only in the tests (which are built on a library of
  # packages that are) is compiled where it is called often, by R itself.
  install.opts = paste("--no-docs --no-test-load", if (length(base_dirs)) "--no-byte-compile"),
  renv.consent = TRUE, renv.verbose = TRUE, renv.config.install.transactional = FALSE,
  renv.config.install.keep.source = FALSE, renv.config.sandbox.enabled = FALSE, renv.config.auto.snapshot = FALSE
)
tools <- file.path(dirname(library_dir), "renv-itself")
dir.create(tools, showWarnings = FALSE)
.libPaths(c(library_dir, base_dirs, tools))

have_renv <- function() requireNamespace("renv", quietly = TRUE)
if (!have_renv()) {
  cellar <- Sys.getenv("RENV_PATHS_CELLAR", unset = "")
  ball <- if (nzchar(cellar)) Sys.glob(file.path(cellar, "renv_*.tar.gz")) else character()
  say("installing renv", if (length(ball)) " from the cellar" else " from CRAN")
  if (length(ball)) {
    try(utils::install.packages(ball[[1L]], lib = tools, repos = NULL, quiet = TRUE))
  } else {
    if (identical(unname(getOption("repos")["CRAN"]), "@CRAN@")) utils::chooseCRANmirror(ind = 1L)
    try(utils::install.packages("renv", lib = tools, quiet = TRUE))
  }
}
if (!have_renv()) {
  say("renv could not be installed: neither CRAN nor a cellar was reachable")
  quit(status = 3L)
}

packages <- renv::lockfile_read(lockfile)$Packages

# A package and what only it leads to; the report uses knitr, jsonlite and yaml itself.
only_for <- function(name) {
  needs <- lapply(packages, `[[`, "Requirements")
  kept <- c(setdiff(names(packages), c(name, unlist(needs))), "knitr", "jsonlite", "yaml")
  repeat {
    more <- intersect(c(kept, unlist(needs[kept])), names(packages))
    if (length(more) == length(kept)) return(setdiff(names(packages), kept))
    kept <- more
  }
}
without <- Sys.getenv("FACTSURV_WITHOUT")
if (nzchar(without)) packages <- packages[setdiff(names(packages), only_for(without))]
wanted <- names(packages)
say(length(wanted), " packages of ", basename(lockfile), ", ", cores, " at a time; ",
    "built from source where no binary is served (minutes, once; cached afterwards)")
options(renv.config.ppm.enabled = FALSE, renv.config.install.jobs = cores)

# The cellar as a repository of its own, if its index names every package in the version that is wanted.
cellar_repository <- function(cellar = Sys.getenv("RENV_PATHS_CELLAR")) {
  index <- file.path(cellar, "PACKAGES")
  if (!nzchar(cellar) || !file.exists(index)) return(NULL)
  served <- apply(read.dcf(index, c("Package", "Version")), 1L, paste, collapse = " ")
  if (all(sprintf("%s %s", wanted, vapply(packages, `[[`, "", "Version")) %in% served)) {
    c(CRAN = paste0("file://", dirname(dirname(normalizePath(cellar)))))
  }
}
result <- try(renv::restore(
  lockfile = lockfile, library = c(library_dir, base_dirs), packages = wanted,
  repos = cellar_repository(), prompt = FALSE, clean = FALSE
))
present <- rownames(utils::installed.packages(lib.loc = c(library_dir, base_dirs)))
missing <- setdiff(wanted, present)
if (length(missing)) {
  say(length(missing), " packages are missing: ", toString(missing))
  quit(status = 3L)
}
say("all ", length(wanted), " packages of ", basename(lockfile), " are in ", library_dir)
