# The pages of the package: pkgdown itself asks the same (check_pkgdown), and is not among the packages here.
test_that("every help page stands in _pkgdown.yml, and nothing else does", {
  file <- test_path("../../_pkgdown.yml")
  skip_if_not(file.exists(file)) # not in a built package
  skip_if_not_installed("yaml")
  pages <- lapply(list.files(test_path("../../man"), "[.]Rd$", full.names = TRUE), function(path) {
    page <- tools::parse_Rd(path)
    of <- function(tag) trimws(unlist(page[vapply(page, attr, "", "Rd_tag") == tag]))
    list(aliases = of("\\alias"), internal = "internal" %in% of("\\keyword"))
  })
  aliases <- lapply(pages, `[[`, "aliases")
  entries <- unlist(lapply(yaml::read_yaml(file)$reference, `[[`, "contents"))
  found <- lapply(entries, function(entry) {
    select <- list(starts_with = function(x) function(a) startsWith(a, x))
    chosen <- if (grepl("(", entry, fixed = TRUE)) eval(str2lang(entry), select) else function(a) a == entry
    which(vapply(aliases, function(a) any(chosen(a)), NA))
  })
  expect_equal(entries[!lengths(found)], character())
  listed <- seq_along(pages) %in% unlist(found)
  told <- vapply(aliases, `[[`, "", 1L)
  expect_equal(told[!listed & !vapply(pages, `[[`, NA, "internal")], character())
  expect_true(all(getNamespaceExports("factsurv") %in% c(unlist(aliases), "load_all")))
})
