# The first half of rendering without Quarto: Rscript knit.R study.qmd parameters.yml knitted.md
# knitr alone ignores what Quarto adds to it: `execute:`, `fig-*` of the format, captions, alt texts and figure ids.
# These hooks write them as the divs of Quarto's own Markdown, which without-quarto.lua then reads.

args <- commandArgs(trailingOnly = TRUE)
stopifnot(length(args) == 3)
source_lines <- readLines(args[1], encoding = "UTF-8", warn = FALSE)
ends <- which(source_lines == "---")
header <- yaml::yaml.load(paste(source_lines[(ends[1] + 1):(ends[2] - 1)], collapse = "\n"))

dots <- function(x) stats::setNames(x, gsub("-", ".", names(x)))
html <- dots(header$format$html)
known <- c("fig.width", "fig.height", "fig.asp", "fig.align")
do.call(knitr::opts_chunk$set, c(dots(header$execute), html[intersect(names(html), known)],
  list(error = FALSE, dev = "png", dev.args = list(type = "cairo", bg = "white"),
      dpi = if (is.null(html$fig.dpi)) 96 else html$fig.dpi,
    fig.path = "figures/", out.width = NULL, comment = NA)))

option <- function(options, name) {
  value <- options[[paste0("fig.", name)]]
  if (is.null(value)) options[[paste0("fig-", name)]] else value
}
quoted <- function(x) gsub('"', '\\"', gsub("[\r\n]+", " ", x), fixed = TRUE) # as Quarto does

knitr::render_markdown()
knitr::knit_hooks$set(
  plot = function(x, options) {
    alt <- option(options, "alt")
    if (is.null(alt)) alt <- "" # in a draft; the page's check remarks on it
    sprintf('\n![](%s){fig-alt="%s" width="%.0fpx"}\n', x, quoted(alt[1]), 96 * options$fig.width)
  },
  chunk = function(x, options) {
    if (!nzchar(trimws(x))) return("")
    label <- options$label
    caption <- if (startsWith(label, "fig-")) option(options,
        "cap") else if (startsWith(label, "tbl-")) options[["tbl-cap"]]
    if (is.null(caption)) return(if (identical(options$results, "asis")) x else sprintf("\n::: {.cell}\n%s\n:::\n", x))
    sprintf("\n::: {#%s .cell}\n%s\n\n%s\n:::\n", label, x, caption)
  }
)
# knitr's names of options that Quarto writes with dashes; old versions of knitr do not translate them.
knitr::opts_hooks$set(label = function(options) {
  for (name in grep("-", names(options), value = TRUE)) {
    dotted <- gsub("-", ".", name)
    if (is.null(options[[dotted]]) || startsWith(name, "fig-")) options[[dotted]] <- options[[name]]
  }
  if (is.null(options[["tbl-cap"]])) options[["tbl-cap"]] <- options[["tbl.cap"]]
  if (identical(options$output, "asis")) options$results <- "asis"
  options$fig.cap <- if (is.null(options[["fig-cap"]])) options$fig.cap else options[["fig-cap"]]
  options
})

params <- utils::modifyList(as.list(header$params), as.list(yaml::yaml.load_file(args[2])))
# Pieces are knitted in the global environment by knitr's own rule, so everything lives there.
assign("params", params, envir = globalenv())
options(warn = 1)
knitr::knit(args[1], output = args[3], envir = globalenv(), quiet = TRUE, encoding = "UTF-8")
