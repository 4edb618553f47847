# Phases of learning: marginal shares, a plateau at the no-knowledge loss, knowledge; and how long the plateau lasts.

phases_data <- function(results) {
  d <- pick(results$phases, model = "phases")
  if (nrow(d)) d$arm <- factor(as.character(d$arm), level_order(results$pools$arm))
  d
}

# "between steps 40 and 80" of runs that ended there; the widest of them.
between_steps <- function(left, right) {
  from <- ifelse(is.na(left), 0, left)[!is.na(right)] # seen at the first probe: at some time before
  paste0("between steps ", fmt_n(min(from)), " and ", fmt_n(max(right, na.rm = TRUE)))
}

#' Of each recipe when phase 1 and the plateau end, and how near the plateau is to what who knows nothing would lose.
say_phases <- function(results) {
  d <- phases_data(results)
  lines <- vapply(split(d, droplevels(d$arm)), function(x) {
    ended <- x[!is.na(x$right), ]
    on <- x[!is.na(x$ratio), ]
    end <- if (nrow(ended)) paste0("the plateau ends ", between_steps(ended$left, ended$right))
    open <- nrow(x) - nrow(ended)
    open <- if (open) {
      paste0("in ", plural(open, "run"), " it was not over at step ", fmt_n(max(x$left[is.na(x$right)])))
    }
    level <- if (nrow(on)) paste0(" on it the loss is ", list_words(unique(fmt_number(range(on$ratio), 3)), " to "),
      " times the no-knowledge loss")
    first <- if (all(is.na(x$phase1_right))) "phase 1 does not end" else
      paste0("phase 1 ends ", between_steps(x$phase1_left, x$phase1_right))
    paste0("- **", md(as.character(x$arm[1])), "** (", plural(nrow(x), "run"), "): ",
      paste(c(first, end, open), collapse = "; "), if (length(level)) ";", level, ".")
  }, "")
  paste0("A model that begins with nothing first learns how often each value occurs, may then stay at the loss of who ",
    "knows no more than that, and then learns facts. The loss of the seen facts:\n\n",
    paste(lines, collapse = "\n"))
}

figure_phases <- function(results) {
  plot_pools(results$pools, "loss", y = "Loss (nats)", plateaus = phases_data(results))
}

alt_phases <- function(results) {
  e <- pool_ends(pool_rows(results, "loss"))
  bands <- plateau_bands(phases_data(results))
  words <- sprintf("%s, plateau from step %s %s.", bands$panel, fmt_n(bands$from),
    ifelse(is.finite(bands$to), paste("to", fmt_n(pmin(bands$to, 1e9))), "on"))
  paste("Curves of the loss by step, with the no-knowledge loss as a dashed line.", paste0(e$panel, ", ",
    pool_words[e$pool], " facts: from ", fmt_number(e$before), " to ", fmt_number(e$after), ".", collapse = " "),
    paste(words, collapse = " "))
}

table_phases <- function(results) {
  d <- phases_data(results)
  steps <- function(left, right) {
    open <- or_dash(left, paste("after", fmt_n(left)))
    ifelse(is.na(right), open, paste(fmt_n(ifelse(is.na(left), 0, left)), "to", fmt_n(right)))
  }
  md_table(data.frame(Run = d$run, "Phase 1 ends, step" = steps(ifelse(is.na(d$phase1_right), NA, d$phase1_left),
      d$phase1_right), "Plateau ends, step" = steps(d$left, d$right), "No-knowledge loss" = fmt_number(d$baseline),
    "Loss on the plateau" = fmt_number(d$level), "Probes on it" = fmt_n(d$level_probes), check.names = FALSE), "lrrrrr")
}

scaling_row <- function(results, term) pick(results$scaling, model = "phases", term = term)

say_scaling <- function(results) {
  x <- scaling_row(results, "exponent")
  level <- if (is.na(x$lower)) "too few runs for an interval" else
    paste0("95 % interval ", fmt_number(x$lower), " to ", fmt_number(x$upper))
  paste0("The plateau lasts in proportion to the number of individuals to the power of **", fmt_number(x$estimate),
    "** (", level, "; R\u00b2 ", fmt_number(x$r2), ", ", plural(x$runs, "run"), " of ", plural(x$numbers, "number"),
    if (x$open) paste0(", of which ", fmt_n(x$open), " had not left it at the end"), "). The paper has ",
    fmt_number(x$paper), ".")
}

figure_scaling <- function(results) {
  plot_scaling(phases_data(results), pick(results$scaling, model = "phases"))
}

alt_scaling <- function(results) {
  d <- scaling_points(phases_data(results))
  paste0("The end of the plateau of each run against the number of individuals, on logarithmic axes. ",
    paste0(fmt_n(d$number), " individuals: ", ifelse(d$open, paste("after step", fmt_n(d$left)),
        paste("steps", fmt_n(d$left), "to", fmt_n(d$right))), ".", collapse = " "), " ", say_plain_line(results))
}

say_plain_line <- function(results) {
  paste0("Fitted line: ", fmt_number(scaling_row(results, "factor")$estimate), " times the number to the power of ",
    fmt_number(scaling_row(results, "exponent")$estimate), ".")
}
