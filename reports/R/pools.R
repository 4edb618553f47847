# Means over pools of facts (what training began with, what came later, what was never taught), by step.

#' Rows of quantities, of each run; the panel is the training recipe, in the order of the study file.
pool_rows <- function(results, ...) pools_of(results$pools, ...)

panel_height <- function(results) 1.2 + 2.1 * ceiling(length(level_order(results$pools$arm)) / 3)

# First and last step of each recipe and pool.
pool_ends <- function(d) {
  parts <- split(pool_means(d), ~ pool + panel, drop = TRUE)
  do.call(rbind, lapply(parts, function(x) {
    x <- x[order(x$step), ]
    last <- nrow(x)
    data.frame(panel = as.character(x$panel[1]), pool = x$pool[1], before = x$mean[1], after = x$mean[last],
      worst = min(x$mean), step = x$step[last])
  }))
}

old_new_data <- function(results) {
  d <- pool_rows(results, "recalled")
  if (any(d$pool == "new") && any(d$pool == "seen")) d[d$pool %in% c("seen", "new"), ] else d[0, ]
}

#' How much of the old is left when the new is learned, and when half of the loss had happened.
say_old_new <- function(results) {
  d <- old_new_data(results)
  lines <- vapply(split(pool_means(d), ~panel, drop = TRUE), function(x) {
    old <- x[x$pool == "seen", ]
    new <- x[x$pool == "new", ]
    old <- old[order(old$step), ]
    last <- old$mean[nrow(old)]
    half <- (old$mean[1] + last) / 2
    lost <- old$mean[1] - last
    when <- if (lost > 0.05) {
      paste0("; half of what is lost by then was lost by step ", fmt_n(old$step[match(TRUE, old$mean <= half)]))
    }
    paste0("- **", md(as.character(x$panel[1])), "**: of the old facts ", fmt_percent(old$mean[1], 0),
      " are answered before and ", fmt_percent(last, 0), " at the end, of the new ones ",
      fmt_percent(new$mean[which.min(new$step)], 0), " and ", fmt_percent(new$mean[which.max(new$step)], 0), when, ".")
  }, "")
  paste0("While new facts are taught, what becomes of the old ones? Means over runs; intervals and hazard ratios of ",
    "the recipes are in the parts on events.\n\n", paste(lines, collapse = "\n"))
}

figure_old_new <- function(results) {
  plot_pools(old_new_data(results), words = c(seen = "old", new = "new"), y = "Facts answered") +
    ggplot2::scale_y_continuous(labels = percent_axis, limits = c(0, 1))
}

alt_old_new <- function(results) {
  e <- pool_ends(old_new_data(results))
  paste0("Curves of facts answered by step. ", paste0(e$panel, ", ", ifelse(e$pool == "seen", "old", "new"),
    " facts: from ", fmt_percent(e$before), " to ", fmt_percent(e$after), ".", collapse = " "))
}

table_old_new <- function(results) {
  e <- pool_ends(old_new_data(results))
  loss <- pool_ends(pool_rows(results, "loss", c("seen", "new")))
  loss <- loss[match(paste(e$panel, e$pool), paste(loss$panel, loss$pool)), ]
  md_table(data.frame(Recipe = e$panel, Facts = ifelse(e$pool == "seen", "old", "new"), Before = fmt_percent(e$before),
    "At the end" = fmt_percent(e$after), "Fewest" = fmt_percent(e$worst), "Loss before" = fmt_number(loss$before),
    "Loss at the end" = fmt_number(loss$after), check.names = FALSE), "llrrrrr")
}

# Probability of the first token of the answer: right, wrong, and of facts that were never taught.
sure_data <- function(results) {
  kinds <- list(c("first_p_right", "seen"), c("first_p_wrong", "seen"), c("first_p", "unseen"))
  rows <- lapply(kinds, function(kind) {
    d <- pool_rows(results, kind[1], kind[2])
    d$what <- rep(if (kind[2] == "unseen") "unseen" else sub("first_p_", "", kind[1]), nrow(d))
    d
  })
  rows <- do.call(rbind, rows[vapply(rows, nrow, 1L) > 0])
  if (is.null(rows) || !any(rows$what == "unseen")) results$pools[0, ] else rows
}

sure_words <- c(right = "seen, answered right", wrong = "seen, answered wrong", unseen = "never taught")
sure_colours <- c(right = "#0072B2", wrong = "#E69F00", unseen = "#CC79A7")

sure_ends <- function(results) {
  d <- sure_data(results)
  d$pool <- d$what
  d$quantity <- "first_p"
  pool_ends(d)
}

say_sure <- function(results) {
  e <- sure_ends(results)
  lines <- vapply(split(e, factor(e$panel, unique(e$panel))), function(x) {
    each <- paste0(fmt_number(x$after, 2), " (", sure_words[x$pool], ")")
    paste0("- **", md(x$panel[1]), "**: ", list_words(each), ".")
  }, "")
  loss <- pool_ends(pool_rows(results, "loss", "unseen"))
  none <- pool_ends(pool_rows(results, "baseline", "unseen"))
  above <- loss$after - none$after[match(loss$panel, none$panel)]
  rise <- rise_words(results)
  paste0("Does the model know what it does not know? The probability of the answer that it gives, at its first token, ",
    "at the end of training:\n\n", paste(lines, collapse = "\n"), "\n\nThe loss of facts that were never taught then ",
    "lies ", list_words(paste0(fmt_number(abs(above), 2), ifelse(above > 0, " above", " below"), " (", md(loss$panel),
        ")")), " that of who knows nothing of them, in nats: above it, what is answered is worse than a guess.", rise)
}

#' When that loss begins to rise, beside when the plateau ends.
rise_words <- function(results) {
  d <- pick(results$phases, model = "phases")
  if (!nrow(d) || all(is.na(d$rise_right))) return("")
  lines <- vapply(split(d, factor(as.character(d$arm), unique(as.character(d$arm)))), function(x) {
    rose <- x[!is.na(x$rise_right), ]
    if (!nrow(rose)) return(paste0("in no run of ", md(as.character(x$arm[1]))))
    ended <- x[!is.na(x$right), ]
    paste0(between_steps(rose$rise_left, rose$rise_right), " (", md(as.character(x$arm[1])),
      if (nrow(ended)) paste0(", whose plateau ends ", between_steps(ended$left, ended$right)), ")")
  }, "")
  paste0(" It begins to rise ", list_words(lines), ".")
}

figure_sure <- function(results) {
  plot_pools(sure_data(results), colours = sure_colours, words = sure_words, y = "Probability of the answer") +
    ggplot2::scale_y_continuous(limits = c(0, 1))
}

alt_sure <- function(results) {
  e <- sure_ends(results)
  paste0("Curves of the probability of the answer given, by step. ", paste0(e$panel, ", ", sure_words[e$pool],
    ": from ", fmt_number(e$before, 2), " to ", fmt_number(e$after, 2), ".", collapse = " "))
}

# Attention to the subject in each layer over time, of the seen facts.
layer_data <- function(results) {
  d <- pool_rows(results, "total", "seen")
  d$what <- factor(d$layer)
  d[d$layer > 0, , drop = FALSE]
}

layer_ends <- function(results) {
  d <- layer_data(results)
  d$pool <- paste("layer", d$layer)
  pool_ends(d)
}

figure_layers <- function(results) {
  d <- layer_data(results)
  plot_pools(d, colours = colours_for(levels(droplevels(d$what))), words = ggplot2::waiver(), name = "Layer",
    y = "Attention to the subject")
}

say_layers <- function(results) {
  e <- layer_ends(results)
  top <- do.call(rbind, lapply(split(e, factor(e$panel, unique(e$panel))), function(x) x[which.max(x$after), ]))
  paste0("From where the value is predicted, the share of attention that goes to the subject's tokens is at the end ",
    "greatest in ", list_words(paste0(top$pool, " (", md(top$panel), ": from ", fmt_number(top$before, 2), " to ",
        fmt_number(top$after, 2), ")")), ".")
}

alt_layers <- function(results) {
  e <- layer_ends(results)
  paste0("Curves of attention to the subject by step, a line a layer. ", paste0(e$panel, ", ", e$pool, ": from ",
    fmt_number(e$before, 2), " to ", fmt_number(e$after, 2), ".", collapse = " "))
}
