# docs/validation.md from the results.

markdown_table <- function(rows) {
  number <- function(x, digits = 3L) ifelse(is.finite(x), sprintf("%.*f", digits, x), "")
  with_error <- function(x, error, digits = 3L) {
    ifelse(is.finite(x), sprintf("%.*f ± %.*f", digits, x, digits, error), "")
  }
  cells <- cbind(
    rows$method, rows$quantity, number(rows$target), number(rows$mean), with_error(rows$bias, rows$bias_mcse),
    number(rows$empirical_se), number(rows$mean_se), with_error(rows$coverage, rows$coverage_mcse),
    with_error(rows$rejected, rows$rejected_mcse), rows$failed, rows$verdict
  )
  head <- c("method", "quantity", "target", "mean", "bias", "SD", "mean SE", "coverage", "rejected", "failed",
            "verdict")
  line <- function(values) paste0("| ", paste(values, collapse = " | "), " |")
  c(line(head), line(rep("---", length(head))), apply(cells, 1L, line))
}

validation_page <- function(chosen, results, findings) {
  version <- function(package) paste(package, utils::packageDescription(package, fields = "Version"))
  versions <- toString(c(paste("R", getRversion()), version("survival"), version("coxme")))
  sections <- unlist(lapply(names(chosen), function(name) {
    c("", paste("##", name), "", strwrap(chosen[[name]]$words, 118L), "",
      sprintf("%d replicates.", chosen[[name]]$replicates), "", markdown_table(results[[name]]))
  }))
  c(
    "# What the models recover", "",
    strwrap(paste(
      "Simulated learning with known effects (`simulate_learning()`), fitted by this package's own functions. Made by",
      "`make validate` (seeds 1, 2, ... of the replicates; the seed of the limits is 99;",
      paste0(versions, "), ", format(Sys.Date()), "."), "The same numbers are in `validation.csv`."
    ), 118L), "",
    strwrap(paste(
      "Unless a scenario says otherwise: 300 facts, one run, 12 checkpoints, baseline hazard 0.1 an epoch, log hazard",
      "ratios log 2 = 0.693 for a latent fact (three in ten are) and 0.3 per standard deviation of popularity."
    ), 118L), "",
    strwrap(paste(
      "*bias*: mean estimate minus target, ± its Monte-Carlo standard error. *SD*: of the estimates. *mean SE*: what",
      "the method said its error was; it should be the SD. *coverage* of the 95 % interval. *rejected*: share of",
      "p < 0.05, which is the size of the test where there is nothing to find and its power otherwise. *failed*:",
      "replicates without a finite answer. The verdict is by rule: a bias is named when it is beyond its Monte-Carlo",
      "error (99 %) and more than 2 % of the target (0.01 where that is less); a coverage or size when it is beyond",
      "its own."
    ), 118L), "", "## In short", "", findings, sections
  )
}
