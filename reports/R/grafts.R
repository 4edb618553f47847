# Grafts beside the runs that they are made of: mean ranks at the end, one row for each set of weights.

graft_names <- function(results) vapply(results$study$graft, function(g) g$name, "")

#' What a graft's weights are, in words.
graft_weights <- function(graft) {
  where <- if (is.null(graft$revert)) graft else graft$revert
  parts <- if (length(where$parts)) paste0(", ", list_words(unlist(where$parts)), " only") else ""
  held <- if (identical(where$layers, "all")) "all layers" else paste("layers", where$layers)
  limited <- if (identical(held, "all layers") && !nzchar(parts)) "" else paste0(", in ", held, parts)
  if (is.null(graft$revert)) paste0(graft$weights, limited) else paste0(graft$of, ", ", held, parts, " put back")
}

#' Sets of facts that stages teach which not every recipe has: what the recipes differ in.
sets_apart <- function(results) {
  stages <- lapply(results$study$arms, function(arm) vapply(arm$stage, function(s) s$name, ""))
  everywhere <- Reduce(intersect, stages)
  of_arms <- unlist(lapply(results$study$arms, function(arm) arm$stage), recursive = FALSE)
  apart <- Filter(function(s) !s$name %in% everywhere, of_arms)
  unique(unlist(lapply(apart, function(s) s$select$set)))
}

#' Mean ranks at the end of every recipe and graft, of the kinds of facts in which recipes differ.
grafts_data <- function(results) {
  d <- ranks_data(results, "end")
  if (!nrow(d) || !length(results$study$graft)) return(data.frame())
  d <- by_itself(d)
  apart <- as.character(d$set) %in% sets_apart(results)
  if (any(apart)) d[apart, , drop = FALSE] else d
}

table_grafts <- function(results) {
  d <- grafts_data(results)
  kinds <- unique(d$kind)
  grafts <- stats::setNames(results$study$graft, graft_names(results))
  rows <- c(vapply(results$study$arms, function(a) a$name, ""), names(grafts))
  made <- vapply(rows, function(arm) if (arm %in% names(grafts)) graft_weights(grafts[[arm]]) else "", "")
  at <- lapply(kinds, function(kind) {
    x <- d[d$kind == kind, , drop = FALSE]
    x[match(rows, as.character(x$arm)), , drop = FALSE]
  })
  own <- lapply(at, function(x) ifelse(is.na(x$arm), "\u2013", rank_interval(x, 1)))
  paper <- lapply(at, function(x) ifelse(is.na(x$arm), "", paper_ranks(results, x)))
  # Each row, and below it the paper's, where it has one; beside each other, or with two decimals, they are too wide.
  cells <- Map(function(x, y) c(rbind(x, y)), own, paper)
  name <- paste0(rows, ifelse(made == "", "", paste0(" (", made, ")")))
  out <- data.frame(c(rbind(name, "in the paper")), as.data.frame(cells), check.names = FALSE, row.names = NULL)
  told <- Reduce(`|`, lapply(paper, nzchar))
  out <- out[c(rbind(TRUE, told)), , drop = FALSE]
  names(out) <- c("Weights", kinds)
  md_table(out, paste0("l", strrep("r", length(kinds))))
}

say_grafts <- function(results) {
  d <- grafts_data(results)
  options <- range(d$options)
  paste0("Mean rank of the right answer at the end, over facts and ", plural(max(d$runs), "repetition"), ", with 95 % ",
    "intervals: 0 is best, and guessing gives ", paste(fmt_number(unique((options - 1) / 2)), collapse = " to "),
    ". A graft was trained by nobody: its weights are a sum of those that the recipes ended with, or one recipe's ",
    "with some put back to what they were before training.")
}
