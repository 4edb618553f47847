#' Recall by the form of the prompt
#'
#' @param shares a row for each run, split, epoch and form: `run`, `split`, `epoch`, `called` (the form in words),
#'   `recalled` facts of `n`.
#' @param time unit of the time axis, one of it.
#' @param wording function that puts the figure's own words into the reader's.
#' @return A ggplot: thin lines are runs, thick ones all of them together, as far as all are followed.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' shares <- data.frame(run = "lora-1", split = "trained", epoch = rep(0:2, 2), recalled = c(1, 5, 9, 1, 3, 6), n = 10,
#'                      called = rep(c("as taught", "held out"), each = 3))
#' plot_forms(shares)
#' @export
plot_forms <- function(shares, time = "epoch", wording = identity) {
  needs_plots()
  d <- shares
  d$called <- factor(d$called, level_order(d$called))
  d$share <- d$recalled / d$n
  mean <- mean_of_forms(d)
  ggplot2::ggplot(d, columns_as(x = "epoch", y = "share", colour = "called")) +
    ggplot2::geom_line(columns_as(group = "interaction(run, called)"), linewidth = 0.35, alpha = 0.6) +
    ggplot2::geom_line(data = mean, columns_as(linetype = "called"), linewidth = 1.1) +
    ggplot2::facet_wrap("split", labeller = split_panels(wording)) +
    ggplot2::scale_colour_manual(values = colours_for(levels(d$called)), name = NULL) +
    ggplot2::scale_linetype_discrete(name = NULL) +
    ggplot2::scale_y_continuous(labels = percent_axis, limits = c(0, 1)) +
    ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::labs(x = first_upper(time), y = "Facts recalled") + theme_figures()
}

# Runs whose epochs have other lengths are probed at other times: the mean is over all runs' lines at each of them.
mean_of_forms <- function(d) {
  parts <- lapply(split(d, list(d$split, d$called), drop = TRUE), function(x) {
    runs <- split(x, as.character(x$run))
    at <- sort(unique(x$epoch))
    line_of <- function(run) {
      if (nrow(run) > 1L) stats::approx(run$epoch, run$share, at)$y else ifelse(at == run$epoch, run$share, NA)
    }
    lines <- vapply(runs, line_of, numeric(length(at)))
    weights <- vapply(runs, function(run) run$n[[1L]], 0)
    share <- drop(matrix(lines, length(at)) %*% weights) / sum(weights) # none where a run is no longer followed
    data.frame(split = x$split[[1L]], called = x$called[[1L]], epoch = at, share = share)[!is.na(share), ]
  })
  do.call(rbind, unname(parts))
}
