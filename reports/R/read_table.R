# One table of a results folder as a data.frame. The Arrow *file* format is an IPC stream between two magics, and
# nanoarrow reads streams: the first 8 bytes are dropped. Factor levels come from the schema's metadata key `levels`
# (JSON {column: [levels]}). Without nanoarrow the CSV of the same name is read, with `<name>.levels.json` beside it.

#' @param path An `.arrow` file.
#' @param nanoarrow Whether to read Arrow; FALSE reads the CSV.
#' @return A data.frame; dictionary columns are factors with the table's own order of levels.
read_table <- function(path, nanoarrow = requireNamespace("nanoarrow", quietly = TRUE)) {
  if (!nanoarrow) return(read_csv_table(path))
  bytes <- readBin(path, "raw", file.size(path))
  if (length(bytes) < 16 || !identical(rawToChar(bytes[1:6]), "ARROW1")) {
    stop(path, " is not an Arrow file", call. = FALSE)
  }
  stream <- nanoarrow::read_nanoarrow(bytes[-(1:8)])
  metadata <- stream$get_schema()$metadata
  table <- as.data.frame(stream, stringsAsFactors = FALSE)
  levels <- if (is.null(metadata[["levels"]])) list() else jsonlite::fromJSON(metadata[["levels"]])
  set_levels(table, levels)
}

read_csv_table <- function(path) {
  csv <- sub("\\.arrow$", ".csv", path)
  side <- sub("\\.arrow$", ".levels.json", path)
  if (!file.exists(csv)) {
    stop("The R package nanoarrow is not installed and there is no ", csv, " to read instead of ", path,
      ". Install nanoarrow, or render with reports/render.py, which writes the CSV.", call. = FALSE)
  }
  if (file.size(csv) == 0) return(data.frame())
  levels <- if (file.exists(side)) jsonlite::fromJSON(side) else list()
  text <- stats::setNames(rep("character", length(levels)), names(levels))
  table <- utils::read.csv(csv, check.names = FALSE, na.strings = "", colClasses = text, encoding = "UTF-8")
  for (name in setdiff(names(table), names(levels))) {
    if (is.character(table[[name]])) table[[name]] <- from_text(table[[name]])
  }
  set_levels(table, levels)
}

# pyarrow writes true/false, which read.csv leaves as text.
from_text <- function(x) {
  if (all(is.na(x) | x %in% c("true", "false"))) x == "true" else x
}

set_levels <- function(table, levels) {
  for (name in intersect(names(levels), names(table))) {
    # An empty text is a value, and read.csv cannot tell it from a missing one: the levels can.
    if ("" %in% levels[[name]]) table[[name]][is.na(table[[name]])] <- ""
    table[[name]] <- factor(table[[name]], levels = as.character(unlist(levels[[name]])))
  }
  table
}
