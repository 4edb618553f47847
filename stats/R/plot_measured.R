#' What instruments measured beside recall
#'
#' `plot_measured()`: means over facts by checkpoint, of attention the mean over its layers. `plot_attention()`:
#' attention to the subject by layer, at the first checkpoint and at the last.
#'
#' @param measured table `measured` of a results folder (`docs/tables.md`, [read_table()]).
#' @param arms all recipes in their order, which gives them their colours.
#' @param time unit of the time axis, one of it.
#' @param wording function that puts the figure's own words into the reader's.
#' @return A ggplot.
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' measured <- data.frame(arm = "lora", run = "lora-1", split = "trained", checkpoint = 0:3, epoch = 0:3,
#'                        quantity = "rank", layer = 0L, mean = c(9, 6, 2, 1), facts = 100)
#' plot_measured(measured)
#' @export
plot_measured <- function(measured, arms = level_order(measured$arm), time = "epoch", wording = identity) {
  needs_plots()
  d <- measured_by_checkpoint(measured)
  means <- measured_of_arms(d)
  label <- function(q) factor(wrap(instrument_words[q], 30), wrap(instrument_words, 30))
  d$what <- label(d$quantity)
  means$what <- label(means$quantity)
  ggplot2::ggplot(d, columns_as(x = "epoch", y = "mean", colour = "arm")) +
    ggplot2::geom_line(columns_as(group = "interaction(run, split)", linetype = "split"), linewidth = 0.35,
                       alpha = 0.6) +
    ggplot2::geom_line(data = means, columns_as(linetype = "split"), linewidth = 1) +
    ggplot2::facet_wrap("what", scales = "free_y", ncol = 2) + by_recipe(colours_for(arms), wording, fill = FALSE) +
    ggplot2::scale_linetype_discrete(name = "Facts") + ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::labs(x = first_upper(time), y = "Mean over facts") + theme_figures() +
    ggplot2::theme(legend.box = "vertical")
}

# What a reader sees of each instrument, in this order; every other quantity is in the table `measured`.
instrument_words <- c(
  rank = "Rank of the right answer among its options (0 is best)",
  rank_first = "Rank by first tokens",
  answer_p_right = "Probability of the answer given, where it is right",
  answer_p_wrong = "Probability of the answer given, where it is wrong",
  entropy = "Entropy of the first token (nats)",
  greatest = "Greatest attention to a token of the subject",
  total = "Attention to all tokens of the subject"
)

# Rows of the quantities that are shown, by checkpoint: attention as the mean over its layers.
measured_by_checkpoint <- function(measured) {
  d <- measured[measured$quantity %in% names(instrument_words), , drop = FALSE]
  if (!nrow(d)) return(d) # what other figures show, such as the loss
  for (name in c("run", "arm", "split", "quantity")) d[[name]] <- as.character(d[[name]])
  layered <- d$layer > 0
  flat <- stats::aggregate(cbind(mean, facts) ~ arm + run + split + checkpoint + epoch + quantity, d, mean)
  flat$layer <- if (any(layered)) as.integer(flat$quantity %in% d$quantity[layered]) else 0L
  flat
}

# Means of an arm over its runs, weighted by facts.
measured_of_arms <- function(d) {
  if (!nrow(d)) return(d)
  d$sum <- d$mean * d$facts
  by <- sum ~ arm + split + epoch + checkpoint + quantity + layer
  m <- stats::aggregate(by, d, sum)
  m$facts <- stats::aggregate(stats::update(by, facts ~ .), d, sum)$facts
  m$mean <- m$sum / m$facts
  m
}

#' @rdname plot_measured
#' @export
plot_attention <- function(measured, arms = level_order(measured$arm), wording = identity) {
  needs_plots()
  when <- c(wording("before training"), "at the end")
  ggplot2::ggplot(attention_layers(measured, when), columns_as(x = "layer", y = "mean", colour = "arm",
                                                               linetype = "when")) +
    ggplot2::geom_line(linewidth = 0.8) + ggplot2::geom_point(columns_as(shape = "when"), size = 1.8) +
    ggplot2::scale_shape_manual(values = stats::setNames(c(1, 16), when), name = NULL) +
    ggplot2::facet_wrap("split", labeller = split_panels()) + by_recipe(colours_for(arms), wording, fill = FALSE) +
    ggplot2::scale_linetype_manual(values = stats::setNames(c("dashed", "solid"), when), name = NULL) +
    ggplot2::scale_x_continuous(breaks = function(l) unique(round(pretty(l, 8)))) +
    ggplot2::labs(x = "Layer", y = "Attention to the subject") + theme_figures()
}

attention_layers <- function(measured, when = c("before training", "at the end")) {
  d <- measured[measured$layer > 0 & measured$quantity == "greatest", , drop = FALSE]
  if (!nrow(d)) return(d)
  m <- measured_of_arms(d)
  last <- stats::ave(m$checkpoint, m$arm, FUN = max)
  m <- m[m$checkpoint %in% 0 | m$checkpoint == last, , drop = FALSE]
  m$when <- ifelse(m$checkpoint == 0, when[1], when[2])
  m
}
