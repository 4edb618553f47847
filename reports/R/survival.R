# Cumulative incidence with the numbers at risk under it.

#' Points of a right-continuous step from a curve's event times, up to `end`.
steps <- function(d, end) {
  d <- d[order(d$time), ]
  if (max(d$time) < end) {
    last <- d[nrow(d), ]
    last$time <- end
    d <- rbind(d, last)
  }
  n <- nrow(d)
  if (n < 2) return(d)
  at <- rep(seq_len(n), each = 2)
  out <- d[at[-length(at)], ] # the height of a row holds until the next row's time
  out$time <- d$time[at[-1]]
  out
}

curves_of <- function(results, outcome, by) {
  d <- pick(results$curves, outcome = outcome, rule = results$rule, model = "km", by = by)
  if (!nrow(d)) return(d)
  d$stratum <- factor(stratum_words(d$by, d$stratum), unique(stratum_words(by, level_order(d$stratum))))
  d$stratum <- droplevels(d$stratum)
  d
}

#' The columns that split an outcome's curves, its own question first.
splits_of <- function(results, outcome) {
  by <- level_order(pick(results$curves, outcome = outcome, rule = results$rule, model = "km")$by)
  by <- unique(c(intersect(main_term(results, outcome), by), by))
  if (any(nzchar(by))) by[nzchar(by)] else by # the curve of all facts together only where nothing splits it
}

#' The first of them; "" where nothing was drawn.
main_split <- function(results, outcome) c(splits_of(results, outcome), "")[1]

#' Shares that had the event by the end of follow-up, one row per stratum.
final_incidence <- function(results, outcome, by) {
  d <- curves_of(results, outcome, by)
  if (!nrow(d)) return(d)
  do.call(rbind, lapply(split(d, d$stratum, drop = TRUE), function(x) {
    start <- x[which.min(x$time), ]
    end <- x[which.max(x$time), ]
    data.frame(stratum = as.character(end$stratum), n = if (late_entry(results, outcome)) NA else start$n_risk,
        events = sum(x$n_event),
        incidence = end$incidence,
      lower = end$incidence_lower, upper = end$incidence_upper)
  }))
}

#' Where facts enter late, those at risk at first are not all.
late_entry <- function(results, outcome) {
  d <- pick(results$events, outcome = outcome, rule = results$rule)
  first <- tapply(d$start, paste(as.integer(factor(d$run)), as.integer(factor(d$fact_id))), min)
  length(first) > 0 && any(first > min(first))
}

follow_up <- function(results, outcome) max(c(1, pick(results$events, outcome = outcome, rule = results$rule)$stop))

plot_incidence <- function(results, outcome, by) {
  d <- curves_of(results, outcome, by)
  end <- follow_up(results, outcome)
  colours <- colours_for(levels(d$stratum))
  line <- do.call(rbind, lapply(split(d, d$stratum), steps, end = end))
  line$stratum <- factor(line$stratum, levels(d$stratum))
  word <- time_word(results$time)
  breaks <- risk_times(results, outcome, by, end)
  axis <- ggplot2::scale_x_continuous(breaks = breaks, limits = c(0, end), expand = ggplot2::expansion(0.05))
  curve <- ggplot2::ggplot(line, ggplot2::aes(time, incidence, colour = stratum, fill = stratum, linetype = stratum)) +
    ggplot2::geom_ribbon(ggplot2::aes(ymin = incidence_lower, ymax = incidence_upper), alpha = 0.15, colour = NA) +
    ggplot2::geom_line(linewidth = 0.9) + axis +
    ggplot2::scale_y_continuous(labels = percent_axis, limits = c(0,
        min(1, 1.1 * max(line$incidence_upper, 0.05, na.rm = TRUE)))) +
    ggplot2::scale_colour_manual(values = colours, name = NULL) +
        ggplot2::scale_fill_manual(values = colours, name = NULL) +
    ggplot2::scale_linetype_discrete(name = NULL) +
    ggplot2::labs(x = first_upper(word), y = "With the event") + theme_report()
  patchwork::wrap_plots(curve, plot_risk(results, outcome, by, axis, colours), ncol = 1,
    heights = c(5, 0.6 + 0.5 * length(colours)))
}

risk_times <- function(results, outcome, by, end, most = 8) {
  t <- sort(unique(pick(results$risk_table, outcome = outcome, rule = results$rule, by = by)$time))
  t <- t[t <= end]
  # Regular steps, the finest for which there is room and every number is known.
  for (n in seq(most, 2)) {
    regular <- pretty(c(min(0, t), end), n)
    regular <- regular[regular <= end & regular >= min(0, t)]
    if (length(regular) <= most && (!length(t) || all(regular %in% t))) return(regular)
  }
  # Probes at times of their own: those that leave room for the numbers of the one before.
  kept <- t[1]
  for (x in t[-1]) if (x - kept[length(kept)] >= 0.999 * (end - t[1]) / most) kept <- c(kept, x)
  kept
}

plot_risk <- function(results, outcome, by, axis, colours) {
  d <- pick(results$risk_table, outcome = outcome, rule = results$rule, by = by)
  if (!nrow(d)) return(patchwork::plot_spacer())
  d$stratum <- factor(stratum_words(d$by, d$stratum), rev(names(colours)))
  d <- d[d$time %in% axis$breaks, ]
  ggplot2::ggplot(d, ggplot2::aes(time, stratum, label = paste0(fmt_n(n_risk), " (", fmt_n(events), ")"))) +
    ggplot2::geom_text(size = 3.5, colour = "#1a1a1a") + axis + ggplot2::coord_cartesian(clip = "off") +
        ggplot2::scale_y_discrete(labels = wrap) +
    ggplot2::labs(title = paste(first_upper(history_word(results, 2)), "at risk just before each time (events before",
      "it)"), x = NULL, y = NULL) + theme_report() +
    ggplot2::theme(panel.grid.major = ggplot2::element_blank(), axis.text.x = ggplot2::element_blank(),
      axis.text.y = ggplot2::element_text(colour = unname(rev(colours))[names(rev(colours)) %in% d$stratum], hjust = 1))
}

cap_incidence <- function(outcome, by) {
  paste0("Cumulative incidence of ", md(outcome), " by ", md(by_words(by)), ", with 95 % bands; below, how many are ",
    "at risk.")
}

alt_incidence <- function(results, outcome, by) {
  e <- final_incidence(results, outcome, by)
  paste0("Step curves of the cumulative incidence of ", outcome, " by ", by_words(by), ", with numbers at risk. By ",
    time_word(results$time), " ", fmt_time(follow_up(results, outcome)), ": ",
    list_words(paste(e$stratum, fmt_percent(e$incidence))), ".")
}
