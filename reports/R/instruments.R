# What instruments measured beside recall: means over facts, by checkpoint, and by layer where there are layers.

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

#' Means of an arm over its runs, weighted by facts.
#' @return A data.frame: arm, split, epoch, checkpoint, quantity, layer, mean, facts.
measured_of_arms <- function(d) {
  if (!nrow(d)) return(d)
  d$sum <- d$mean * d$facts
  by <- sum ~ arm + split + epoch + checkpoint + quantity + layer
  m <- stats::aggregate(by, d, sum)
  m$facts <- stats::aggregate(stats::update(by, facts ~ .), d, sum)$facts
  m$mean <- m$sum / m$facts
  m
}

#' Rows of the quantities that are shown, by checkpoint: attention as the mean over its layers.
measured_over_time <- function(results) {
  d <- results$measured[results$measured$quantity %in% names(instrument_words), , drop = FALSE]
  if (!nrow(d)) return(d) # what other sections show, such as the loss
  for (name in c("run", "arm", "split", "quantity")) d[[name]] <- as.character(d[[name]])
  layered <- d$layer > 0
  flat <- stats::aggregate(cbind(mean, facts) ~ arm + run + split + checkpoint + epoch + quantity, d, mean)
  flat$layer <- if (any(layered)) as.integer(flat$quantity %in% d$quantity[layered]) else 0L
  flat
}

plot_measured <- function(results) {
  d <- measured_over_time(results)
  means <- measured_of_arms(d)
  label <- function(q) factor(wrap(instrument_words[q], 30), wrap(instrument_words, 30))
  d$what <- label(d$quantity)
  means$what <- label(means$quantity)
  arms <- colours_for(level_order(results$measured$arm))
  ggplot2::ggplot(d, ggplot2::aes(epoch, mean, colour = arm)) +
    ggplot2::geom_line(ggplot2::aes(group = interaction(run, split), linetype = split), linewidth = 0.35, alpha = 0.6) +
    ggplot2::geom_line(data = means, ggplot2::aes(linetype = split), linewidth = 1) +
    ggplot2::facet_wrap(~what, scales = "free_y", ncol = 2) +
    ggplot2::scale_colour_manual(values = arms, name = worded("Training recipe")) +
    ggplot2::scale_linetype_discrete(name = "Facts") + ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::labs(x = probe_axis(results), y = "Mean over facts") + theme_report()
}

#' First and last checkpoint of each arm, split and quantity.
measured_ends <- function(results) {
  m <- measured_of_arms(measured_over_time(results))
  parts <- split(m, list(m$quantity, m$arm, m$split), drop = TRUE)
  ends <- do.call(rbind, lapply(parts, function(x) {
    x <- x[order(x$checkpoint), ]
    last <- nrow(x)
    data.frame(quantity = x$quantity[1], arm = x$arm[1], split = x$split[1], facts = x$facts[1], before = x$mean[1],
      after = x$mean[last], to = x$epoch[last])
  }))
  ends[order(match(ends$quantity, names(instrument_words)), ends$arm, ends$split), ]
}

alt_measured <- function(results) {
  e <- measured_ends(results)
  paste0("Curves of means over facts by epoch. ", paste0(instrument_words[e$quantity], ", ", e$split, " facts, ", e$arm,
    ": from ", format_mean(e$before), " to ", format_mean(e$after), ".", collapse = " "))
}

table_measured <- function(results) {
  e <- measured_ends(results)
  md_table(data.frame(Measured = instrument_words[e$quantity], Recipe = e$arm, Facts = e$split,
    `Before training` = format_mean(e$before), `At the end` = format_mean(e$after), check.names = FALSE))
}

#' Attention to the subject by layer, before training and at the end.
attention_layers <- function(results) {
  d <- results$measured[results$measured$layer > 0 & results$measured$quantity == "greatest", , drop = FALSE]
  if (!nrow(d)) return(d)
  m <- measured_of_arms(d)
  last <- stats::ave(m$checkpoint, m$arm, FUN = max)
  m <- m[m$checkpoint %in% 0 | m$checkpoint == last, , drop = FALSE]
  m$when <- ifelse(m$checkpoint == 0, worded("before training"), "at the end")
  m
}

plot_attention <- function(results) {
  ggplot2::ggplot(attention_layers(results), ggplot2::aes(layer, mean, colour = arm, linetype = when)) +
    ggplot2::geom_line(linewidth = 0.8) + ggplot2::geom_point(size = 1.4) +
    ggplot2::facet_wrap(~split, labeller = ggplot2::as_labeller(function(x) paste0(first_upper(x), " facts"))) +
    ggplot2::scale_colour_manual(values = colours_for(level_order(results$measured$arm)),
      name = worded("Training recipe")) +
    ggplot2::scale_linetype_manual(values = stats::setNames(c("dashed", "solid"),
      c(worded("before training"), "at the end")), name = NULL) +
    ggplot2::scale_x_continuous(breaks = function(l) unique(round(pretty(l, 8)))) +
    ggplot2::labs(x = "Layer", y = "Attention to the subject") + theme_report()
}

alt_attention <- function(results) {
  a <- attention_layers(results)
  end <- a[a$when == "at the end", , drop = FALSE]
  top <- do.call(rbind, lapply(split(end, list(end$arm, end$split), drop = TRUE), function(x) x[which.max(x$mean), ]))
  paste0(worded("Curves of attention to the subject by layer, before training and at the end. "), paste0(top$arm, ", ",
    top$split, " facts: at the end most in layer ", top$layer, " (", format_mean(top$mean), ").", collapse = " "))
}

format_mean <- function(x) ifelse(is.na(x), "\u2013", trimws(formatC(x, format = "g", digits = 3)))
