#' From what facts were at first to what they are at the end
#'
#' @param transitions the table `transitions` of a results folder (`docs/tables.md`, [read_table()]), of one event rule.
#' @param wording function that puts the figure's own words into the reader's.
#' @return `plot_alluvial()` a ggplot: on the left the states at the start, on the right those at the last checkpoint,
#'   and the facts that go from one to the other as bands as thick as their share. `flows()` its table: `split`, `from`,
#'   `to`, `n` histories (a fact in a run), and their `share` of the split.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' stays <- data.frame(run = "lora-1", fact_id = c(1, 1, 2, 2, 3), split = "trained", from = c("latent", "known",
#'                     "unknown", "known", "unknown"), to = c("known", "censored", "known", "forgotten", "censored"),
#'                     start = c(0, 1, 0, 2, 0), stop = c(1, 4, 2, 4, 4))
#' flows(stays)
#' plot_alluvial(stays)
#' @export
plot_alluvial <- function(transitions, wording = identity) {
  needs_plots()
  d <- flows(transitions)
  d$panel <- factor(wording(paste(first_upper(d$split), "facts")))
  bands <- do.call(rbind, lapply(split(d, d$panel, drop = TRUE), flow_bands))
  ends <- do.call(rbind, lapply(split(d, d$panel, drop = TRUE), flow_ends))
  states <- union(level_order(d$from), level_order(d$to))
  colours <- colours_of_states(ordered_states(states))
  ggplot2::ggplot(bands, columns_as(x = "x", ymin = "low", ymax = "high", group = "flow", fill = "from")) +
    ggplot2::geom_ribbon(alpha = 0.55, colour = NA) +
    ggplot2::geom_rect(data = ends, columns_as(xmin = "left", xmax = "left + 0.08", ymin = "low", ymax = "high",
                                               fill = "state"), colour = "white", linewidth = 0.4,
                       inherit.aes = FALSE) +
    ggplot2::geom_text(data = ends[ends$high - ends$low >= 0.03, ], # smaller ones would lie over one another
                       columns_as(x = "at", y = "(low + high) / 2", label = "told", hjust = "side"), size = 3.3,
                       colour = "#1a1a1a", inherit.aes = FALSE) +
    ggplot2::facet_wrap("panel", ncol = 2) +
    ggplot2::scale_fill_manual(values = colours, limits = names(colours), name = NULL) +
    ggplot2::scale_x_continuous(breaks = c(0, 1), labels = c("at the start", "at the end"), limits = c(-0.55, 1.65)) +
    ggplot2::scale_y_continuous(labels = percent_axis, expand = ggplot2::expansion(c(0, 0.01))) +
    ggplot2::labs(x = NULL, y = "Share of the facts") + theme_figures() +
    ggplot2::theme(panel.grid.major = ggplot2::element_blank())
}

#' @rdname plot_alluvial
#' @export
flows <- function(transitions) {
  d <- transitions[order(transitions$run, transitions$fact_id, transitions$start), ]
  history <- paste(as.integer(factor(d$run)), as.integer(factor(d$fact_id)))
  first <- d[!duplicated(history), ]
  last <- d[!duplicated(history, fromLast = TRUE), ]
  to <- ifelse(as.character(last$to) == "censored", as.character(last$from), as.character(last$to))
  split <- if (is.null(first$split)) rep("all", nrow(first)) else as.character(first$split)
  out <- stats::aggregate(n ~ to + from + split, data.frame(split, from = as.character(first$from), to, n = 1L), sum)
  out$share <- out$n / stats::ave(out$n, out$split, FUN = sum)
  out$from <- factor(out$from, ordered_states(out$from))
  out$to <- factor(out$to, ordered_states(out$to))
  out <- out[order(out$split, out$from, out$to), c("split", "from", "to", "n", "share")]
  rownames(out) <- NULL
  out
}

# Where each flow leaves and arrives, and an even curve between.
flow_bands <- function(d) {
  d <- d[order(d$from, d$to), ]
  d$leaves <- cumsum(d$share) - d$share
  arriving <- order(d$to, d$from)
  d$arrives[arriving] <- cumsum(d$share[arriving]) - d$share[arriving]
  x <- seq(0, 1, length.out = 41)
  rise <- x^2 * (3 - 2 * x)
  do.call(rbind, lapply(seq_len(nrow(d)), function(i) {
    low <- d$leaves[i] + rise * (d$arrives[i] - d$leaves[i])
    data.frame(panel = d$panel[i], flow = i, from = d$from[i], x, low, high = low + d$share[i])
  }))
}

# The bars at both ends, with what they are and how many.
flow_ends <- function(d) {
  side <- function(column, left, at, side) {
    share <- tapply(d$share, droplevels(d[[column]]), sum)
    high <- cumsum(share)
    data.frame(panel = d$panel[1L], state = names(share), low = high - share, high, left, at, side,
               told = paste0(names(share), " ", fmt_percent(share, 0)))
  }
  rbind(side("from", -0.08, -0.1, 1), side("to", 1, 1.1, 0))
}
