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

# The plateau of each recipe as a band: medians over its runs; where none ended, to the end.
plateau_bands <- function(d) {
  bands <- lapply(split(d, droplevels(d$arm)), function(x) {
    end <- stats::median(ifelse(is.na(x$right), Inf, x$right))
    data.frame(panel = x$arm[1], from = stats::median(x$phase1_right), to = end)
  })
  bands <- do.call(rbind, bands)
  bands[!is.na(bands$from) & bands$to > bands$from, , drop = FALSE]
}

plot_phases <- function(results) {
  d <- pool_rows(results, "loss")
  d$what <- d$pool
  none <- unique(pool_means(pool_rows(results, "baseline", "seen"))[c("panel", "mean")])
  none <- none[!duplicated(none$panel), ]
  plot <- pool_plot(d, pool_colours, pool_words, "Loss (nats)", "Facts")
  bands <- plateau_bands(phases_data(results))
  shade <- ggplot2::geom_rect(data = bands, ggplot2::aes(xmin = from, xmax = to, ymin = -Inf, ymax = Inf),
    fill = "#999999", alpha = 0.2, inherit.aes = FALSE)
  plot$layers <- c(if (nrow(bands)) shade, plot$layers)
  plot + ggplot2::geom_hline(data = none, ggplot2::aes(yintercept = mean), linetype = "dashed", colour = "#333333")
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

scaling_points <- function(results) {
  d <- phases_data(results)
  d <- d[is.finite(d$number), ]
  d$open <- is.na(d$right)
  d$from <- pmax(d$left, 1)
  d$middle <- ifelse(d$open, d$from, sqrt(d$from * d$right))
  d
}

scaling_lines <- function(results) {
  d <- scaling_points(results)
  number <- exp(seq(log(min(d$number)), log(max(d$number)), length.out = 20))
  exponent <- scaling_row(results, "exponent")
  factor <- scaling_row(results, "factor")
  rbind(
    data.frame(number, steps = factor$estimate * number^exponent$estimate, line = "fitted"),
    data.frame(number, steps = factor$paper * number^exponent$paper, line = "the paper's, of its own steps")
  )
}

plot_scaling <- function(results) {
  d <- scaling_points(results)
  ggplot2::ggplot(d, ggplot2::aes(number)) +
    ggplot2::geom_line(data = scaling_lines(results), ggplot2::aes(y = steps, linetype = line), linewidth = 0.7) +
    ggplot2::geom_linerange(ggplot2::aes(ymin = from, ymax = right), data = d[!d$open, ], colour = "#0072B2",
      linewidth = 0.9) +
    ggplot2::geom_point(ggplot2::aes(y = middle, shape = ifelse(open, "not over", "ended")), colour = "#0072B2",
      size = 2) +
    ggplot2::scale_shape_manual(values = c(ended = 16, "not over" = 2), name = "Plateau") +
    ggplot2::scale_linetype_manual(values = c(fitted = "solid", "the paper's, of its own steps" = "dashed"),
      name = "Line") +
    ggplot2::scale_x_log10(breaks = sort(unique(d$number)), labels = fmt_n) +
    ggplot2::scale_y_log10(labels = fmt_n) +
    ggplot2::labs(x = "Individuals (logarithmic)", y = "End of the plateau, step (logarithmic)") + theme_report()
}

alt_scaling <- function(results) {
  d <- scaling_points(results)
  paste0("The end of the plateau of each run against the number of individuals, on logarithmic axes. ",
    paste0(fmt_n(d$number), " individuals: ", ifelse(d$open, paste("after step", fmt_n(d$left)),
        paste("steps", fmt_n(d$left), "to", fmt_n(d$right))), ".", collapse = " "), " ", say_plain_line(results))
}

say_plain_line <- function(results) {
  paste0("Fitted line: ", fmt_number(scaling_row(results, "factor")$estimate), " times the number to the power of ",
    fmt_number(scaling_row(results, "exponent")$estimate), ".")
}
