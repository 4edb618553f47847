# Ranks of the right answer: kinds of facts by recipe, over time and at the end.

ranks_data <- function(results, part = NULL) {
  d <- pick(results$mean_ranks, rule = results$rule, model = "mean-ranks", part = part)
  if (nrow(d)) d$kind <- rank_kind(d)
  d
}

#' Facts or implications, of which relation and set.
rank_kind <- function(d) rank_kinds(d, plain_name)

#' The sets (yes/no columns) of the facts that are taught, or, where the clock starts before all stages, those in whose
#' teaching recipes differ; all kinds where these are in none.
taught_sets <- function(results) {
  apart <- if (is.null(results$study$analysis$origin)) sets_apart(results)
  if (length(apart)) return(apart)
  facts <- results$facts
  sets <- names(facts)[vapply(facts, is.logical, NA)]
  taught <- facts[as.character(facts$split) == "trained", sets, drop = FALSE]
  if (!length(sets)) return("")
  unique(apply(as.matrix(taught), 1, function(yes) paste(sets[yes], collapse = "+")))
}

#' Rows of the kinds that are taught, and of what follows from them.
of_taught <- function(results, d) {
  set <- ifelse(is.na(d$set), "", as.character(d$set))
  keep <- set %in% taught_sets(results)
  if (any(keep)) d[keep, , drop = FALSE] else d
}

fmt_rank <- function(x, digits = 2) {
  sign <- ifelse(x < -0.5 * 10^-digits, "\u2212", "")
  or_dash(x, paste0(sign, formatC(abs(x), format = "f", digits = digits)))
}

rank_interval <- function(d, digits = 2) {
  ends <- ifelse(is.na(d$lower), "", paste0(" (", fmt_rank(d$lower, digits), " to ", fmt_rank(d$upper, digits), ")"))
  paste0(fmt_rank(d$estimate, digits), ends)
}

#' "**2.81 lower** (95 % interval 1.49 to 4.13)", or that no difference shows, with its interval.
say_rank_gap <- function(x) {
  if (anyNA(c(x$lower, x$upper))) return(paste0(fmt_rank(x$estimate), " for every fact, without a spread"))
  if (x$lower <= 0 && x$upper >= 0) {
    return(paste0("a difference is not shown at this scale (", fmt_rank(x$lower), " to ", fmt_rank(x$upper), ")"))
  }
  ends <- sort(abs(c(x$lower, x$upper)))
  paste0("**", fmt_rank(abs(x$estimate)), " ", if (x$estimate < 0) "lower" else "higher", "** (95 % interval ",
    fmt_rank(ends[1]), " to ", fmt_rank(ends[2]), ")")
}

#' Each kind's mean ranks by recipe, and every recipe against the first, kind by kind. Of more than `most` recipes the
#' first one's rank, and those that differ from it; the table has all.
say_ranks <- function(results, most = 4) {
  d <- without_grafts(results, of_taught(results, ranks_data(results, "end")))
  own <- by_itself(d)
  kinds <- split(own, factor(own$kind, unique(own$kind)))
  lines <- vapply(kinds, function(x) {
    gaps <- against_first(d[d$kind == x$kind[1], ])
    many <- nrow(x) > most
    paste0("- **", md(x$kind[1]), "**: ",
      list_words(paste0(md(as.character(x$arm)), " ", rank_interval(x))[seq_len(if (many) 1 else nrow(x))]),
      if (nrow(gaps)) say_rank_gaps(gaps, many), ".")
  }, "")
  options <- range(own$options)
  chance <- fmt_number(unique((options - 1) / 2))
  paste0("The right answer's rank among ", paste(fmt_number(unique(options)), collapse = " to "), " answers: 0 is ",
    "best, and guessing gives ", paste(chance, collapse = " to "), " on average. Means at the end of training:\n\n",
    paste(lines, collapse = "\n"))
}

# Every recipe against the first; of many, those that do not differ in one word.
say_rank_gaps <- function(gaps, many) {
  alike <- many & (is.na(gaps$lower) | (gaps$lower <= 0 & gaps$upper >= 0))
  shown <- gaps[!alike, , drop = FALSE]
  told <- vapply(seq_len(nrow(shown)), function(i) {
    paste0(md(as.character(shown$arm[i])), " ", say_rank_gap(shown[i, ]))
  }, "")
  if (any(alike)) told <- c(told, paste(list_words(md(as.character(gaps$arm[alike]))), "no difference shown"))
  paste0(". Against ", md(level_order(gaps$reference)[1]), ": ", paste(told, collapse = "; "))
}

#' The first screen: what follows from facts, the second recipe of the study file against the first.
finding_of_ranks <- function(results) {
  d <- of_taught(results, ranks_data(results, "end"))
  d <- d[as.character(d$role) == "implication", , drop = FALSE]
  gaps <- against_first(d)
  if (!nrow(gaps)) return("")
  x <- gaps[1, ]
  own <- by_itself(d[d$kind == x$kind, ])
  mean <- function(arm) fmt_rank(own$estimate[own$arm == arm])
  paste0("::: {.finding}\n", pictures(), "\n\n**[What follows.](#ranks)** With ", md(as.character(x$arm)),
    " in place of ", md(as.character(x$reference)), ", the mean rank of implications at the end is **",
    mean(as.character(x$arm)), "**, not ", mean(as.character(x$reference)), ": ", say_rank_gap(x), ".\n:::")
}

# Grafts have no time of their own, and a section of their own.
without_grafts <- function(results, d) d[!as.character(d$arm) %in% graft_names(results), , drop = FALSE]

ranks_over_time <- function(results) {
  without_grafts(results, by_itself(of_taught(results, ranks_data(results, "curve"))))
}

figure_ranks <- function(results) {
  plot_ranks(ranks_over_time(results), function(d) d$kind, probe_axis(results), worded)
}

alt_ranks <- function(results) {
  d <- ranks_over_time(results)
  ends <- vapply(split(d, factor(paste(d$kind, d$arm), unique(paste(d$kind, d$arm)))), function(x) {
    x <- x[order(x$epoch), ]
    paste0(x$kind[1], ", ", x$arm[1], ": from ", fmt_rank(x$estimate[1]), " to ", fmt_rank(x$estimate[nrow(x)]))
  }, "")
  paste0("Curves of the mean rank of the right answer by epoch, with 95 % intervals. ", paste(ends, collapse = "; "),
    ".")
}

#' A paper's number for an arm and kind of fact, from [[report.paper]].
paper_ranks <- function(results, d) {
  told <- study_value(results, c("report", "paper"), list())
  vapply(seq_len(nrow(d)), function(i) {
    same <- Filter(function(x) {
      all(x$arm == d$arm[i], x$relation == d$relation[i], is.null(x$set) || x$set == d$set[i])
    }, told)
    if (length(same)) paste(c(fmt_number(same[[1]]$rank), same[[1]]$note), collapse = ", ") else ""
  }, "")
}

table_ranks <- function(results) {
  d <- ranks_data(results, "end")
  own <- by_itself(d)
  gaps <- against_first(d)
  at <- match(paste(own$kind, own$arm), paste(gaps$kind, gaps$arm))
  out <- data.frame(Kind = ifelse(duplicated(own$kind), "", own$kind), Recipe = as.character(own$arm),
    Facts = fmt_n(own$facts), Runs = fmt_n(own$runs), "Mean rank (95 % interval)" = rank_interval(own),
    difference = ifelse(is.na(at), "", rank_interval(gaps[at, ])), p = ifelse(is.na(at), "", fmt_p_value(gaps$p[at])),
    "In the paper" = paper_ranks(results, own), check.names = FALSE)
  names(out)[6] <- paste("Less", level_order(own$arm)[1])
  if (!any(nzchar(out[["In the paper"]]))) out[["In the paper"]] <- NULL
  if (!nrow(gaps)) out <- out[!names(out) %in% c(names(out)[6], "p")]
  md_table(out, paste0("ll", strrep("r", ncol(out) - 2)))
}

#' Kinds of facts that are worse at the end of a stage than where an earlier one ended, by intervals that do not meet.
ranks_lost <- function(results) {
  d <- ranks_data(results, "stage")
  d <- d[as.character(d$role) == "fact", , drop = FALSE]
  rows <- lapply(split(d, factor(paste(d$kind, d$arm), unique(paste(d$kind, d$arm)))), function(x) {
    x <- x[order(!is.na(x$epoch)), ] # the last stage before the origin ends at epoch 0
    last <- x[!is.na(x$epoch), ][1, ]
    earlier <- x[is.na(x$epoch), ]
    if (!nrow(earlier) || is.na(last$estimate)) return(NULL)
    best <- earlier[which.min(earlier$estimate), ]
    if (max(best$upper, best$estimate, na.rm = TRUE) >= min(last$lower, last$estimate, na.rm = TRUE)) return(NULL)
    data.frame(kind = last$kind, arm = as.character(last$arm), from = as.character(best$stage),
      before = rank_interval(best), to = as.character(last$stage), after = rank_interval(last))
  })
  do.call(rbind, c(list(data.frame()), rows))
}

say_ranks_lost <- function(results) {
  d <- ranks_lost(results)
  if (!nrow(d)) return("")
  paste0("**What an earlier stage taught was partly lost in a later one**, so that recipes do not begin the last ",
    "stage with the same facts:\n\n", paste0("- ", md(d$arm), ", ", md(lower_first(d$kind)), ": mean rank ", d$before,
      " where ", md(d$from), " ended, ", d$after, " where ", md(d$to), " ended", collapse = ";\n"), ".")
}

table_rank_stages <- function(results) {
  d <- ranks_data(results, "stage")
  d <- d[order(match(d$kind, unique(d$kind)), d$arm, !is.na(d$epoch)), ]
  md_table(data.frame(Kind = ifelse(duplicated(d$kind), "", d$kind), Recipe = as.character(d$arm),
    "At the end of" = as.character(d$stage), "Mean rank (95 % interval)" = rank_interval(d), check.names = FALSE),
  "lllr")
}
