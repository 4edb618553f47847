# The fixture is written by fixtures/events.py (pyarrow).
arrow <- test_path("fixtures", "events.arrow")
csv <- test_path("fixtures", "events.csv")

expected <- data.frame(
  fact_id = factor(c("007", "011", "101", "110"), c("101", "110", "007", "011")),
  relation = factor(c("w\u00e4hrung", NA, "capital", "w\u00e4hrung"), c("w\u00e4hrung", "capital", "element")),
  seed = c(1L, NA, 3L, 4L), stop = c(1.5, 2, NA, 12), event = c(TRUE, FALSE, NA, TRUE)
)

test_that("an Arrow file: levels in the writer's order, nulls, metadata", {
  skip_if_not_installed("nanoarrow")
  table <- read_table(arrow)
  expect_equal(attr(table, "metadata"), list(time = "epoch"))
  expect_equal(table, expected, ignore_attr = "metadata")
})

test_that("a CSV file with its levels is the same table", {
  expect_equal(read_table(csv), expected, ignore_attr = "metadata")
  alone <- tempfile(fileext = ".csv")
  file.copy(csv, alone)
  expect_error(read_table(alone), "reference levels are unknown")
})

test_that("a file that is cut off, is a stream, or is not there", {
  skip_if_not_installed("nanoarrow")
  bytes <- readBin(arrow, "raw", 1e6)
  cut <- tempfile(fileext = ".arrow")
  writeBin(bytes[seq_len(length(bytes) - 40)], cut)
  expect_error(read_table(cut), "cut off")
  writeBin(bytes[-(1:8)], cut)
  expect_error(read_table(cut), "not an Arrow IPC file")
  expect_error(read_table("nowhere.arrow"), "there is no file")
})
