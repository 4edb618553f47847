#' Cumulative incidence with the numbers at risk under it
#'
#' The report's figure: one minus [km_curves()] as steps with their band, and under it, at regular times, how many are
#' at risk just before (events before).
#'
#' @param x a table of events (see `docs/tables.md`), or the list of tables `curves` and `risk_table` that
#'   [km_curves()] and the folder `analysis/` of finished results hold.
#' @param by column that splits the curves, `""` for one of all.
#' @param outcome,rule of a table of events: which one; by default the first.
#' @param words function of `by` and the strata, which gives them names.
#' @param time unit of the time axis, one of it.
#' @param counted what is at risk.
#' @param end last time that is drawn; by default the last one of the curves.
#' @return A ggplot (two, joined by patchwork).
#' @examplesIf requireNamespace("ggplot2") && requireNamespace("patchwork")
#' learned <- simulate_learning(facts = 120, seeds = 1, seed = 1)
#' plot_incidence(learned, by = "latent")
#' @export
plot_incidence <- function(x, by = "", outcome = NULL, rule = NULL, words = stratum_text, time = "epoch",
                           counted = "facts", end = NULL) {
  needs_plots()
  if (is.data.frame(x)) x <- incidence_tables(x, by, outcome, rule)
  named <- function(d, levels = NULL) {
    d <- d[as.character(d$by) == by, , drop = FALSE]
    order <- if (is.factor(d$stratum)) levels(droplevels(d$stratum)) else unique(as.character(d$stratum))
    d$stratum <- factor(words(by, as.character(d$stratum)), if (is.null(levels)) unique(words(by, order)) else levels)
    d
  }
  curves <- named(x$curves)
  colours <- colours_for(levels(curves$stratum))
  risk <- named(x$risk_table, rev(names(colours)))
  if (is.null(end)) end <- max(curves$time)
  axis <- ggplot2::scale_x_continuous(breaks = risk_times(risk$time, end), limits = c(0, end),
                                      expand = ggplot2::expansion(0.05))
  patchwork::wrap_plots(incidence_curves(curves, colours, axis, end) + ggplot2::labs(x = first_upper(time)),
                        numbers_at_risk(risk, colours, axis, counted), ncol = 1,
                        heights = c(5, 0.6 + 0.5 * length(colours)))
}

# The two tables from rows at risk.
incidence_tables <- function(events, by, outcome, rule) {
  first <- function(given, column) if (is.null(given)) as.character(events[[column]][[1L]]) else given
  ready <- rows_at_risk(events, first(outcome, "outcome"), first(rule, "rule"), grouping = by[nzchar(by)])
  if (nzchar(ready$status)) stop(ready$reason, call. = FALSE)
  km_curves(ready$data, by)$tables
}

# Strata in plain words: of latent knowledge what they mean, of other columns their values.
stratum_text <- function(by, stratum, probed = TRUE) {
  by <- rep_len(as.character(by), length(stratum))
  value <- as.character(stratum)
  stated <- nzchar(by) & startsWith(value, paste0(by, "="))
  value[stated] <- substring(value[stated], nchar(by[stated]) + 2)
  yes <- tolower(value) %in% c("true", "yes", "1")
  no <- tolower(value) %in% c("false", "no", "0")
  latent <- probed & by == "latent"
  value <- ifelse(latent & yes, "latent knowledge", ifelse(latent & no, "no latent knowledge", value))
  unname(ifelse(by == "", "all facts", value))
}

incidence_curves <- function(curves, colours, axis, end) {
  line <- do.call(rbind, lapply(split(curves, curves$stratum, drop = TRUE), steps, end = end))
  top <- min(1, 1.1 * max(line$incidence_upper, 0.05, na.rm = TRUE))
  ggplot2::ggplot(line, columns_as(x = "time", y = "incidence", colour = "stratum", fill = "stratum",
                                   linetype = "stratum")) +
    ggplot2::geom_ribbon(columns_as(ymin = "incidence_lower", ymax = "incidence_upper"), alpha = 0.15, colour = NA) +
    ggplot2::geom_line(linewidth = 0.9) + axis +
    ggplot2::scale_y_continuous(labels = percent_axis, limits = c(0, top)) +
    ggplot2::scale_colour_manual(values = colours, name = NULL) +
    ggplot2::scale_fill_manual(values = colours, name = NULL) + ggplot2::scale_linetype_discrete(name = NULL) +
    ggplot2::labs(y = "With the event") + theme_figures()
}

# Points of a right-continuous step from a curve's event times, up to `end`.
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

# Regular times, the finest for which there is room and every number is known.
risk_times <- function(times, end, most = 8) {
  t <- sort(unique(times))
  t <- t[t <= end]
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

numbers_at_risk <- function(risk, colours, axis, counted) {
  if (!nrow(risk)) return(patchwork::plot_spacer())
  risk <- risk[risk$time %in% axis$breaks, ]
  risk$shown <- paste0(fmt_n(risk$n_risk), " (", fmt_n(risk$events), ")")
  inks <- unname(rev(colours))[names(rev(colours)) %in% risk$stratum]
  # A colour for each row works and is "not officially supported".
  rows <- suppressWarnings(ggplot2::element_text(colour = inks, hjust = 1))
  ggplot2::ggplot(risk, columns_as(x = "time", y = "stratum", label = "shown")) +
    ggplot2::geom_text(size = 3.5, colour = "#1a1a1a") + axis + ggplot2::coord_cartesian(clip = "off") +
    ggplot2::scale_y_discrete(labels = wrap) +
    ggplot2::labs(title = paste(first_upper(counted), "at risk just before each time (events before it)"), x = NULL,
                  y = NULL) +
    theme_figures() +
    ggplot2::theme(panel.grid.major = ggplot2::element_blank(), axis.text.x = ggplot2::element_blank(),
                   axis.text.y = rows)
}
