# This package's functions, as they are in R/, attached to the session: `source("load.R")`, or from the project's folder
# `source("stats/load.R")`. pkgload::load_all(), where it is installed, does the same and more.
local({
  here <- dirname(normalizePath(sys.frame(1L)$ofile))
  libraries <- file.path(dirname(here), ".r", c("library-dev", "library"))
  .libPaths(c(libraries[dir.exists(libraries)], .libPaths()))
  name <- "factsurv (stats/R)"
  if (name %in% search()) detach(name, character.only = TRUE)
  functions <- new.env()
  for (path in sort(list.files(file.path(here, "R"), "[.]R$", full.names = TRUE), method = "radix")) {
    sys.source(path, functions)
  }
  attach(functions, name = name)
})
