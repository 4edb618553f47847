# The code of the articles, one for each question of the report, runs as it stands.
test_that("every article runs", {
  skip_if_not_installed("knitr")
  skip_if_not_installed("patchwork")
  skip_if_not_installed("coxphf")
  folder <- test_path("../../vignettes/articles")
  skip_if_not(dir.exists(folder)) # not in a built package
  for (article in list.files(folder, "[.]Rmd$", full.names = TRUE)) {
    code <- tempfile(fileext = ".R")
    knitr::purl(article, code, quiet = TRUE, documentation = 0L)
    lines <- sub("^library\\(factsurv\\)$", "", readLines(code))
    shown <- lapply(parse(text = lines), eval, envir = new.env(parent = environment(simulate_learning)))
    figures <- Filter(ggplot2::is_ggplot, shown)
    expect_gt(length(figures) + (basename(article) == "known.Rmd"), 0)
    for (figure in figures) ggplot2::ggplotGrob(if (inherits(figure, "patchwork")) figure[[1L]] else figure)
  }
})
