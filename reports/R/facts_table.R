# Every fact in a table that is searched and sorted in the page itself, each with its history as a small strip.

#' One row a fact: its names, in how many runs it was recalled at the end, the first checkpoint at which it was recalled
#' (mean over the runs in which it was), and how often it was forgotten. More than `most` facts: evenly spaced ones.
fact_rows <- function(results, most = 5000) {
  d <- pick(results$transitions, rule = results$rule)
  known <- c("known", "reacquired")
  before <- d[as.character(d$from) %in% known, ]
  after <- d[as.character(d$to) %in% known, ]
  first <- rbind(
    data.frame(run = before$run, fact_id = before$fact_id, time = before$start),
    data.frame(run = after$run, fact_id = after$fact_id, time = after$stop))
  first <- first[order(first$time), ]
  first <- first[!duplicated(first[c("run", "fact_id")]), ]
  f <- results$facts[unique(round(seq(1, nrow(results$facts), length.out = min(most, nrow(results$facts))))), ]
  id <- as.character(f$fact_id)
  of <- function(x) as.vector(x[match(id, names(x))])
  h <- results$histories
  lost <- tapply(as.character(d$to) == "forgotten", as.character(d$fact_id), sum)
  data.frame(id = id, subject = ifelse(is.na(f$subject), id, as.character(f$subject)),
    relation = plain_name(f$relation), object = ifelse(is.na(f$object), "", as.character(f$object)),
    split = as.character(f$split),
    first = of(tapply(first$time, as.character(first$fact_id), mean)), forgotten = of(lost),
    kept = of(tapply(h$after, as.character(h$fact_id), sum)),
    runs = of(tapply(h$after, as.character(h$fact_id), length)))
}

#' The table as HTML, with the strip of the first run.
facts_table <- function(results) {
  d <- fact_rows(results)
  given <- function(x) paste0('<span class="given">', escape(x), "</span>")
  cell <- function(text, value = NULL) {
    sorted <- if (!is.null(value)) paste0(' data-value="', ifelse(is.na(value), 1e9, signif(value, 6)), '"')
    paste0("<td", sorted, ">", text, "</td>")
  }
  rows <- paste0("<tr>", cell(given(d$subject)), cell(given(d$relation)), cell(given(d$object)), cell(escape(d$split)),
    cell(ifelse(is.na(d$first), "never", fmt_number(d$first, 2)), d$first), cell(fmt_n(d$forgotten), d$forgotten),
    cell(paste(fmt_n(d$kept), "of", plural(d$runs, "run")), d$kept), cell(fact_strips(results, d$id)[d$id]), "</tr>",
    collapse = "\n")
  heads <- c("Subject", "Relation", "Answer", "Split", paste("First recalled,", time_word(results$time)),
    "Times forgotten", "Recalled at the end")
  sortable <- paste0('<th scope="col" aria-sort="none"><button type="button">', escape(heads), "</button></th>",
    collapse = "")
  paste0("\n```{=html}\n", '<div class="facts"><p><label>Search: <input type="search"></label> <span role="status">',
    plural(nrow(d), "fact"), if (nrow(d) < nrow(results$facts)) paste(" of", fmt_n(nrow(results$facts))), "</span></p>",
    '<div class="scroll tall"><table><thead><tr>', sortable, '<th scope="col">', escape(paste("Run", level_order(
      results$transitions$run)[1])), "</th></tr></thead><tbody>\n", rows, "\n</tbody></table></div></div>\n```\n")
}

# A strip a fact: a cell a checkpoint, in the colour of its state.
fact_strips <- function(results, ids, each = 8, height = 12) {
  cells <- states_of_first(results)
  cells <- cells[cells$fact %in% ids, ]
  cells <- cells[order(cells$time), ]
  colours <- colours_of_states(ordered_states(cells$state))
  strips <- tapply(cells$state, cells$fact, function(states) {
    stays <- rle(states)
    from <- each * (cumsum(stays$lengths) - stays$lengths)
    said <- paste(stays$values, stays$lengths, collapse = ", ")
    paste0('<svg role="img" aria-label="', escape(said), '" width="', each * length(states), '" height="', height, '">',
      paste0('<rect fill="', colours[stays$values], '" x="', from, '" width="', each * stays$lengths, '" height="',
        height, '"/>', collapse = ""), "</svg>")
  })
  stats::setNames(as.vector(strips), names(strips))
}
