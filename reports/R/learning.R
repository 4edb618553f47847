# What the model knew, what it recalled, and when something happened: figures and their tables.

#' Share of facts known, latent and unknown per relation, averaged over runs. Small relations share a line.
knowledge_by_relation <- function(results, most = 15) {
  b <- results$baseline
  relation <- results$facts$relation[match(as.character(b$fact_id), as.character(results$facts$fact_id))]
  relation <- as.character(relation)
  size <- sort(table(relation), decreasing = TRUE)
  if (length(size) > most) relation[relation %in% names(size)[most:length(size)]] <- "all other relations"
  runs <- max(1, length(unique(as.character(b$run))))
  count <- as.data.frame(table(relation = relation, knowledge = factor(b$knowledge, c("known", "latent", "unknown"))),
    stringsAsFactors = FALSE)
  count$facts <- stats::ave(count$Freq, count$relation, FUN = sum) / runs
  count$share <- count$Freq / runs / count$facts
  count$mean <- count$Freq / runs
  count$knowledge <- factor(count$knowledge, c("known", "latent", "unknown"))
  count
}

plot_knowledge <- function(results) {
  d <- knowledge_by_relation(results)
  known <- d[d$knowledge == "known", ]
  order <- known$relation[order(known$share)]
  label <- function(r) paste0(wrap(r, 24), " (", fmt_n(known$facts[match(r, known$relation)]), ")")
  d$relation <- factor(d$relation, order)
  ggplot2::ggplot(d, ggplot2::aes(x = share, y = relation, fill = knowledge)) +
    ggplot2::geom_col(width = 0.75, position = ggplot2::position_stack(reverse = TRUE), colour = "white",
        linewidth = 0.3) +
    ggplot2::geom_text(ggplot2::aes(label = ifelse(share >= 0.08, fmt_percent(share, 0), ""), colour = knowledge),
      position = ggplot2::position_stack(vjust = 0.5, reverse = TRUE), size = 3.4, show.legend = FALSE) +
    ggplot2::scale_fill_manual(values = knowledge_colours, name = NULL) +
    ggplot2::scale_colour_manual(values = c(known = "white", latent = "black", unknown = "black"), guide = "none") +
    ggplot2::scale_x_continuous(labels = percent_axis, expand = ggplot2::expansion(c(0, 0.02))) +
    ggplot2::scale_y_discrete(labels = label) +
    ggplot2::labs(x = "Share of the facts of a relation", y = NULL) +
    theme_report() + ggplot2::theme(panel.grid.major.y = ggplot2::element_blank())
}

alt_knowledge <- function(results) {
  d <- knowledge_by_relation(results)
  known <- d[d$knowledge == "known", ]
  known <- known[order(-known$share), ]
  paste0("Stacked bars, one per relation: share of facts known, latent and unknown before training. Known: ",
    list_words(paste(known$relation, fmt_percent(known$share, 0))), ".")
}

#' Recall by epoch: a thin line per run with its Wilson band, a thick line for the mean of an arm.
plot_recall <- function(results) {
  d <- results$recall
  arms <- colours_for(level_order(d$arm))
  mean <- stats::aggregate(cbind(recalled, facts) ~ arm + split + epoch, d, sum)
  mean$proportion <- mean$recalled / mean$facts
  ggplot2::ggplot(d, ggplot2::aes(epoch, proportion, colour = arm, fill = arm)) +
    ggplot2::geom_ribbon(ggplot2::aes(ymin = lower, ymax = upper, group = run), alpha = 0.1, colour = NA) +
    ggplot2::geom_line(ggplot2::aes(group = run), linewidth = 0.35, alpha = 0.8) +
    ggplot2::geom_line(data = mean, ggplot2::aes(linetype = arm), linewidth = 1.1) +
    ggplot2::facet_wrap(~split, labeller = ggplot2::as_labeller(function(x) worded(paste0(first_upper(x), " facts")))) +
    ggplot2::scale_colour_manual(values = arms, name = worded("Training recipe")) +
    ggplot2::scale_fill_manual(values = arms, name = worded("Training recipe")) +
    ggplot2::scale_linetype_discrete(name = worded("Training recipe")) +
    ggplot2::scale_y_continuous(labels = percent_axis, limits = c(0, 1), expand = ggplot2::expansion(0.02)) +
    ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::labs(x = probe_axis(results), y = "Facts recalled") + theme_report() + one_arm(results)
}

# With one training recipe there is nothing for a legend to tell apart.
one_arm <- function(results) {
  if (length(level_order(results$event_counts$arm)) == 1) ggplot2::theme(legend.position = "none")
}

#' First and last recall of each arm and split, pooled over runs.
recall_ends <- function(results) {
  d <- stats::aggregate(cbind(recalled, facts) ~ arm + split + epoch, results$recall, sum)
  ends <- do.call(rbind, lapply(split(d, list(d$arm, d$split), drop = TRUE), function(x) {
    x <- x[order(x$epoch), ]
    a <- x[1, ]
    b <- x[nrow(x), ]
    data.frame(arm = as.character(a$arm), split = as.character(a$split), from = a$epoch, to = b$epoch, facts = a$facts,
      before = a$recalled, after = b$recalled, share_before = a$recalled / a$facts, share_after = b$recalled / b$facts)
  }))
  row.names(ends) <- NULL
  ends
}

alt_recall <- function(results) {
  e <- recall_ends(results)
  paste0("Curves of the share of facts recalled by epoch. ", paste0(first_upper(e$split), " facts, ", e$arm, ": from ",
    fmt_percent(e$share_before), " to ", fmt_percent(e$share_after), ".", collapse = " "))
}

#' Events per time point under the primary rule, by outcome and arm. With more than `most` different times, per
#' thirtieth of the follow-up, at its middle.
events_per_time <- function(results, most = 40) {
  d <- pick(results$events, rule = results$rule)
  d <- d[d$event %in% TRUE, , drop = FALSE]
  if (!nrow(d)) return(data.frame())
  d$n <- 1L
  if (length(unique(d$stop)) > most) {
    breaks <- pretty(c(0, d$stop), 30)
    d$stop <- (breaks[-1] - diff(breaks) / 2)[findInterval(d$stop, breaks, left.open = TRUE, all.inside = TRUE)]
  }
  stats::aggregate(n ~ outcome + arm + stop, d, sum)
}

#' The width of a bar: most of the step between two times.
event_step <- function(d) {
  times <- sort(unique(d$stop))
  if (length(times) > 1) min(diff(times)) else 1
}

plot_events <- function(results) {
  d <- events_per_time(results)
  d$outcome <- factor(first_upper(as.character(d$outcome)), first_upper(results$outcomes))
  ggplot2::ggplot(d, ggplot2::aes(stop, n, fill = arm)) + ggplot2::geom_col(width = 0.85 * event_step(d)) +
    ggplot2::facet_wrap(~outcome, ncol = 1, scales = "free_y") +
    ggplot2::scale_fill_manual(values = colours_for(level_order(results$event_counts$arm)),
        name = worded("Training recipe")) +
    ggplot2::scale_y_continuous(breaks = function(l) unique(floor(pretty(l, 4))),
        expand = ggplot2::expansion(c(0, 0.08))) +
    ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::labs(x = first_upper(time_word(results$time)), y = "Events, summed over runs") + theme_report() +
        one_arm(results)
}

cap_events <- function(results) {
  d <- events_per_time(results)
  step <- event_step(d)
  regular <- all(abs(diff(sort(unique(d$stop))) / step - 1) < 1e-6) # else a bar stands for a probe, not for a span
  per <- if (!regular) paste("at each", md(time_word(results$time))) else paste("per",
    if (step == 1) md(time_word(results$time)) else paste(fmt_time(step), md(time_word(results$time, 2))))
  paste0("Events ", per, ", summed over runs (rule: ", md(rule_words(results$rule)), ").")
}

alt_events <- function(results) {
  d <- events_per_time(results)
  total <- stats::aggregate(n ~ outcome, d, sum)
  peak <- vapply(as.character(total$outcome), function(o) {
    t <- stats::aggregate(n ~ stop, d[d$outcome == o, ], sum)
    t$stop[which.max(t$n)]
  }, 0)
  paste0("Bars of events per ", time_word(results$time), ". ", paste0(first_upper(as.character(total$outcome)), ": ",
    plural(total$n, "event"), ", most at ", time_word(results$time), " ", fmt_time(peak), ".", collapse = " "))
}
