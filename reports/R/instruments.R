# What instruments measured beside recall: means over facts, by checkpoint, and by layer where there are layers.

#' Rows of the quantities that are shown, by checkpoint: attention as the mean over its layers.
measured_over_time <- function(results) measured_by_checkpoint(results$measured)

figure_measured <- function(results) {
  plot_measured(results$measured, level_order(results$measured$arm), probe_axis(results), worded)
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
layers_attended <- function(results) attention_layers(results$measured, c(worded("before training"), "at the end"))

figure_attention <- function(results) {
  plot_attention(results$measured, level_order(results$measured$arm), worded)
}

alt_attention <- function(results) {
  a <- layers_attended(results)
  end <- a[a$when == "at the end", , drop = FALSE]
  top <- do.call(rbind, lapply(split(end, list(end$arm, end$split), drop = TRUE), function(x) x[which.max(x$mean), ]))
  paste0(worded("Curves of attention to the subject by layer, before training and at the end. "), paste0(top$arm, ", ",
    top$split, " facts: at the end most in layer ", top$layer, " (", format_mean(top$mean), ").", collapse = " "))
}

format_mean <- function(x) ifelse(is.na(x), "\u2013", trimws(formatC(x, format = "g", digits = 3)))
