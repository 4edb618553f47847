# This package's functions, as they are in R/, attached to the session: `source("load.R")`, or from the project's folder
# `source("stats/load.R")`. pkgload::load_all(), where it is installed, does the same and more.
local({
  # The innermost file that is being sourced: a script that sources this one (RStudio's Source, a chunk) has frames too.
  sourced <- Find(function(frame) !is.null(frame$ofile), sys.frames(), right = TRUE)
  here <- dirname(normalizePath(sourced$ofile))
  libraries <- file.path(dirname(here), ".r", c("library-dev", "library"))
  .libPaths(c(libraries[dir.exists(libraries)], .libPaths()))
  name <- "factsurv (stats/R)"
  if (name %in% search()) detach(name, character.only = TRUE)
  functions <- new.env()
  for (path in sort(list.files(file.path(here, "R"), "[.]R$", full.names = TRUE), method = "radix")) {
    sys.source(path, functions)
  }
  attach(functions, name = name)
  # Methods as NAMESPACE says them: R does not look for those among what is attached. Of a package, once it is loaded.
  for (said in as.list(parse(file.path(here, "NAMESPACE")))) if (said[[1L]] == "S3method") local({
    generic <- as.character(said[[2L]])
    class <- as.character(said[[3L]])
    method <- functions[[paste(generic[[length(generic)]], class, sep = ".")]]
    if (length(generic) == 1L) return(registerS3method(generic, class, method, baseenv()))
    register <- function(...) registerS3method(generic[[3L]], class, method, asNamespace(generic[[2L]]))
    if (isNamespaceLoaded(generic[[2L]])) register() else setHook(packageEvent(generic[[2L]], "onLoad"), register)
  })
})
