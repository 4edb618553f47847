#' Versions of R and of the packages that it would use
#'
#' @return A list: `r` (version), `platform`, `packages` (data.frame: `package`, `version`), `libraries` (paths).
#' @export
r_environment <- function() {
  installed <- utils::installed.packages(fields = "Version")
  # The first library on the path wins, as it does for library().
  first <- !duplicated(installed[, "Package"])
  packages <- data.frame(
    package = unname(installed[first, "Package"]), version = unname(installed[first, "Version"])
  )
  packages <- packages[order(packages$package, method = "radix"), ]
  rownames(packages) <- NULL
  list(r = as.character(getRversion()), platform = R.version$platform, packages = packages, libraries = .libPaths())
}
