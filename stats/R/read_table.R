#' Read a table of the results folder
#'
#' nanoarrow reads Arrow IPC streams. A file (`.arrow`) is eight bytes of magic, then such a stream, then a footer; so
#' the eight bytes are skipped. Dictionaries arrive as text; the order of their levels, which decides the reference
#' level, comes from the key `levels` of the schema's metadata. Without nanoarrow a CSV file of the same name beside it
#' is read, with its `.levels.json` and, for the other keys of the metadata, its `.notes.json` if there is one.
#'
#' @param path an `.arrow` file, or a `.csv` file with its `.levels.json`.
#' @return A data.frame; dictionaries are factors with the levels in the writer's order. The attribute `metadata` has
#'   the schema's other keys, such as `time` (the unit of `start` and `stop`).
#' @export
read_table <- function(path) {
  if (grepl("[.]csv$", path)) return(read_csv_table(path))
  if (!file.exists(path)) stop("there is no file ", path, call. = FALSE)
  if (requireNamespace("nanoarrow", quietly = TRUE)) return(read_arrow_file(path))
  beside <- sub("[.]arrow$", ".csv", path)
  if (!file.exists(beside)) {
    stop("reading ", path, " needs the R package nanoarrow, or a CSV file beside it (", beside, "). Remedy: ",
         "install.packages(\"nanoarrow\"), or write the CSV files", call. = FALSE)
  }
  read_csv_table(beside)
}

read_arrow_file <- function(path) {
  connection <- file(path, "rb")
  on.exit(close(connection))
  magic <- readBin(connection, "raw", 8L)
  if (!identical(magic[1:6], charToRaw("ARROW1"))) {
    stop(path, " is not an Arrow IPC file (the file format begins with ARROW1)", call. = FALSE)
  }
  stream <- nanoarrow::read_nanoarrow(connection)
  on.exit(stream$release(), add = TRUE, after = FALSE)
  metadata <- stream$get_schema()$metadata
  data <- as.data.frame(stream)
  check_footer(path)
  levels <- if (is.null(metadata$levels)) list() else jsonlite::fromJSON(metadata$levels, simplifyVector = FALSE)
  with_levels(data, levels, metadata[setdiff(names(metadata), "levels")])
}

# A truncated file would read as a shorter stream without an error: its last six bytes tell.
check_footer <- function(path) {
  connection <- file(path, "rb")
  on.exit(close(connection))
  seek(connection, file.size(path) - 6)
  if (!identical(readBin(connection, "raw", 6L), charToRaw("ARROW1"))) {
    stop(path, " is cut off: the end of the file is missing", call. = FALSE)
  }
}

read_csv_table <- function(path) {
  sidecar <- sub("[.]csv$", ".levels.json", path)
  if (!file.exists(sidecar)) {
    stop(path, " has no ", basename(sidecar), " beside it; without it the reference levels are unknown", call. = FALSE)
  }
  levels <- jsonlite::fromJSON(sidecar, simplifyVector = FALSE)
  header <- names(utils::read.csv(path, nrows = 1L, check.names = FALSE))
  classes <- stats::setNames(rep(NA_character_, length(header)), header)
  # Identifiers such as "007" must stay text.
  classes[intersect(names(levels), header)] <- "character"
  data <- utils::read.csv(path, check.names = FALSE, colClasses = classes, na.strings = "", encoding = "UTF-8")
  # Arrow's writer spells logical values in lower case, which R would keep as text.
  for (column in setdiff(header, names(levels))) {
    if (all(data[[column]] %in% c("true", "false", NA))) data[[column]] <- as.logical(data[[column]])
  }
  notes <- sub("[.]csv$", ".notes.json", path)
  with_levels(data, levels, if (file.exists(notes)) jsonlite::read_json(notes) else list())
}

with_levels <- function(data, levels, metadata) {
  for (column in intersect(names(levels), names(data))) {
    known <- texts(levels[[column]])
    stray <- setdiff(unique(data[[column]]), c(known, NA))
    if (length(stray)) stop("column ", column, " has the value '", stray[[1L]], "', which is not among its levels")
    data[[column]] <- factor(data[[column]], levels = known)
  }
  attr(data, "metadata") <- as.list(metadata)
  data
}
