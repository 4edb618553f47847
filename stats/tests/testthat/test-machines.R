# The same code without coxme and nanoarrow, and sourced instead of loaded: child processes of R.
sources <- normalizePath(test_path("..", "..", "R"), mustWork = FALSE)
here <- normalizePath(test_path("."))

child <- function(code, packages) {
  library_dir <- tempfile("library")
  dir.create(library_dir)
  from <- vapply(packages, find.package, "")
  file.symlink(from, file.path(library_dir, packages))
  script <- tempfile(fileext = ".R")
  writeLines(c(
    sprintf(".libPaths(c(%s, .Library), include.site = FALSE)", deparse(library_dir)),
    "env <- new.env()",
    sprintf("for (f in sort(list.files(%s, \"[.]R$\", full.names = TRUE))) sys.source(f, env)", deparse(sources)),
    sprintf("sys.source(%s, env)", deparse(file.path(here, "helper-simulate.R"))),
    "attach(env, name = \"factsurv\")", code
  ), script)
  suppressWarnings(
    system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", script), stdout = TRUE, stderr = TRUE,
            env = c("R_LIBS=", "R_LIBS_USER=NULL", "R_LIBS_SITE=NULL"))
  )
}

test_that("without coxme a Gaussian frailty stands in and says so; every other fit is as here", {
  skip_if_not(length(list.files(sources, "[.]R$")) > 5L)
  out <- child(c(
    "stopifnot(!requireNamespace('coxme', quietly = TRUE))",
    "events <- simulate_events(facts = 150L)",
    "fits <- analyse(events, standard_plan())$fits",
    "mixed <- fits[fits$model == 'coxme', ]",
    "cat(unique(mixed$status), mixed$reason[[1]], sep = '\\n')",
    "cat(formatC(fits$loglik[fits$model != 'coxme'], digits = 10), sep = ' ')"
  ), "survival")
  skip_if(any(grepl("stopifnot|is not TRUE", out)), "coxme is in R's own library")
  expect_equal(out[[1]], "warning")
  expect_match(out[[2]], "a Gaussian frailty of group fitted by survival stands in .*, without run")
  expect_match(out[[2]], "install.packages(\"coxme\")", fixed = TRUE)
  fits <- analyse(simulate_events(facts = 150L), standard_plan())$fits
  here <- formatC(fits$loglik[fits$model != "coxme"], digits = 10)
  expect_equal(scan(text = out[[3]], what = "", quiet = TRUE, na.strings = "none"), trimws(here))
})

test_that("without nanoarrow the CSV file beside the Arrow file is read", {
  skip_if_not(length(list.files(sources, "[.]R$")) > 5L)
  fixture <- file.path(here, "fixtures", "events.arrow")
  out <- child(c(
    "stopifnot(!requireNamespace('nanoarrow', quietly = TRUE))",
    sprintf("table <- read_table(%s)", deparse(fixture)),
    "cat(levels(table$fact_id), class(table$event))",
    sprintf("alone <- tempfile(fileext = '.arrow'); invisible(file.copy(%s, alone))", deparse(fixture)),
    "cat('\\n', tryCatch(read_table(alone), error = conditionMessage))"
  ), c("survival", "jsonlite"))
  expect_equal(out[[1]], "101 110 007 011 logical")
  expect_match(out[[2]], "needs the R package nanoarrow, or a CSV file beside it")
})

test_that("the script reads a table and a plan, and writes CSV files", {
  script <- normalizePath(test_path("..", "..", "exec", "analyse.R"), mustWork = FALSE)
  skip_if_not(file.exists(script) && length(list.files(sources, "[.]R$")) > 5L)
  folder <- tempfile()
  dir.create(folder)
  events <- simulate_events(facts = 80L)
  events[c("outcome", "rule")] <- lapply(events[c("outcome", "rule")], as.character)
  utils::write.csv(events, file.path(folder, "events.csv"), row.names = FALSE, na = "")
  levels <- list(relation = c("element", "capital", "currency"))
  writeLines(jsonlite::toJSON(levels), file.path(folder, "events.levels.json"))
  plan <- standard_plan(random = list())
  writeLines(jsonlite::toJSON(plan, auto_unbox = TRUE), file.path(folder, "plan.json"))
  out <- system2(file.path(R.home("bin"), "Rscript"), shQuote(c(
    "--vanilla", script, file.path(folder, c("events.csv", "plan.json", "analysis"))
  )), stdout = TRUE, stderr = TRUE, env = paste0("R_LIBS=", paste(.libPaths(), collapse = ":")))
  expect_match(out[[length(out)]], "64 fits")
  rows <- utils::read.csv(file.path(folder, "analysis", "coefficients.csv"))
  expect_true("relation: capital vs element" %in% rows$label)
  expect_setequal(list.files(file.path(folder, "analysis")), paste0(names(contract_columns()), ".csv"))
})

test_that("no two files define a function of one name: the later file would silently win", {
  files <- list.files(testthat::test_path("..", "..", "R"), "[.]R$", full.names = TRUE)
  skip_if_not(length(files) > 0L, "the installed package has no source files")
  names <- lapply(files, function(file) {
    made <- Filter(function(e) is.call(e) && identical(e[[1L]], quote(`<-`)), as.list(parse(file, keep.source = FALSE)))
    vapply(made, function(e) paste(deparse(e[[2L]]), collapse = ""), "")
  })
  expect_equal(unlist(names)[duplicated(unlist(names))], character())
})
