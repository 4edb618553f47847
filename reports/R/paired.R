# Attention on the subject by recipe and layer, and the recipes at other settings of a simulation.

#' The change of attention of each recipe, and its difference from the first; of several layers the one where the
#' difference is clearest, and in how many there is one.
say_attention_change <- function(results) {
  d <- paired_of(results, "attention-change")
  d <- d[d$measure == "attention, greatest", ]
  gaps <- against_first(d)
  layers <- length(unique(d$at))
  clearest <- gaps$at[which.min(clarity(gaps))]
  if (!length(clearest)) clearest <- d$at[1]
  own <- by_itself(d)
  own <- own[own$at == clearest, ]
  lines <- vapply(split(gaps, droplevels(factor(gaps$arm))), function(x) {
    here <- x[x$at == clearest, ]
    shown <- sum(x$lower > 0 | x$upper < 0, na.rm = TRUE)
    paste0("- **", md(as.character(here$arm)), "** against ", md(as.character(here$reference)), ": ",
      say_points(here, "point", "lower", "higher", ""),
      if (layers > 1) paste0("; in ", fmt_n(shown), " of ", layers, " layers the interval excludes no difference"), ".")
  }, "")
  paste0("Attention is what share of it goes from the last word of the question to the subject, of 100. From the ",
    "baseline to the end of training it changed",
    if (layers > 1) paste0(" (in layer ", fmt_n(clearest), ", where recipes differ most clearly)"), " by ",
    list_words(paste0(fmt_points(own$estimate), " (", md(as.character(own$arm)), ")")),
    ", on the withheld facts. The change, compared within facts:\n\n", paste(lines, collapse = "\n"))
}

# How easily chance alone would give it: the smaller, the clearer.
clarity <- function(d) stats::pt(-abs(d$estimate / d$se), d$df)

fmt_points <- function(x) paste0(ifelse(x < 0, "\u2212", "+"), formatC(abs(100 * x), format = "f", digits = 1))

# The change of each recipe, and the difference from the first one's, which is told within facts and seeds.
attention_panels <- function(results) {
  d <- paired_of(results, "attention-change")
  parts <- list(by_itself(d), against_first(d))
  names <- c("change", paste("difference from", level_order(d$arm)[1]))
  d <- do.call(rbind, Map(function(x, name) cbind(x, panel = rep(name, nrow(x))), parts, names))
  d$panel <- paste0(first_upper(as.character(d$measure)), ": ", d$panel)
  d
}

plot_attention_change <- function(results) {
  d <- attention_panels(results)
  place <- ggplot2::position_dodge(0.4)
  ggplot2::ggplot(d, ggplot2::aes(at, 100 * estimate, colour = arm)) +
    ggplot2::geom_hline(yintercept = 0, colour = "#555555", linewidth = 0.4) +
    ggplot2::geom_pointrange(ggplot2::aes(ymin = 100 * lower, ymax = 100 * upper), position = place, na.rm = TRUE) +
    ggplot2::facet_wrap(~panel, scales = "free_y", ncol = 2) +
    ggplot2::scale_colour_manual(values = colours_for(level_order(d$arm)), name = worded("Training recipe")) +
    ggplot2::scale_x_continuous(breaks = function(limits) unique(round(pretty(limits, 8)))) +
    ggplot2::labs(x = "Layer", y = "Points of attention") + theme_report()
}

alt_attention_change <- function(results) {
  d <- attention_panels(results)
  paste0("Attention on the subject by layer. ", paste0(d$panel, ", layer ", fmt_n(d$at), ", ", d$arm, ": ",
    fmt_points(d$estimate), ".", collapse = " "))
}

table_paired <- function(results, model) {
  d <- paired_of(results, model)
  ref <- reference_of(d)
  md_table(data.frame(Measure = first_upper(as.character(d$measure)), At = paste(plain_name(as.character(d$by)),
    fmt_number(d$at)), Recipe = ifelse(nzchar(ref), paste(d$arm, "less", ref), as.character(d$arm)),
    "Points (95 % interval)" = paste0(fmt_points(d$estimate), " (", fmt_points(d$lower), " to ", fmt_points(d$upper),
      ")"), p = ifelse(nzchar(ref), fmt_p_value(d$p), ""), check.names = FALSE), "lllrr")
}

#' How the recipe that differs most clearly from the first does at each value of each key.
say_sweep <- function(results) {
  d <- against_first(paired_of(results, "sweep"))
  arm <- as.character(d$arm[which.min(clarity(d))])
  d <- d[d$arm == arm, ]
  of_measure <- function(x, what, ...) {
    if (!nrow(x)) return(NULL)
    each <- vapply(split(x, x$at), function(one) paste0("at ", fmt_number(one$at), " ", say_points(one, ...)), "")
    key <- first_upper(md(plain_name(as.character(x$by[1]))))
    paste0("- ", key, ", ", what, ": ", paste(each, collapse = "; "), ".")
  }
  lines <- lapply(split(d, droplevels(factor(d$by))), function(x) {
    c(of_measure(x[x$measure == "accuracy", ], "withheld facts"),
      of_measure(x[x$measure != "accuracy", ], "change of attention", "point", "lower", "higher", ""))
  })
  paste0("The simulation was done again with other values of ", list_words(md(plain_name(names(lines)))),
    ", all else the same. **", md(arm), "** against ", md(level_order(d$reference)[1]), ":\n\n",
    paste(unlist(lines), collapse = "\n"))
}

plot_sweep <- function(results) {
  d <- against_first(paired_of(results, "sweep"))
  d$panel <- paste0(first_upper(as.character(d$measure)), ", by ", plain_name(as.character(d$by)))
  d$where <- factor(fmt_number(d$at), fmt_number(sort(unique(d$at))))
  place <- ggplot2::position_dodge(0.5)
  ggplot2::ggplot(d, ggplot2::aes(where, 100 * estimate, colour = arm)) +
    ggplot2::geom_hline(yintercept = 0, colour = "#555555", linewidth = 0.4) +
    ggplot2::geom_pointrange(ggplot2::aes(ymin = 100 * lower, ymax = 100 * upper), position = place, na.rm = TRUE) +
    ggplot2::facet_wrap(~panel, scales = "free") +
    ggplot2::scale_colour_manual(values = colours_for(level_order(paired_of(results, "sweep")$arm)),
      name = worded("Training recipe"), breaks = level_order(d$arm)) +
    ggplot2::labs(x = NULL, y = paste("Difference from", level_order(d$reference)[1], "in points")) + theme_report()
}

alt_sweep <- function(results) {
  d <- against_first(paired_of(results, "sweep"))
  paste0("Differences from ", level_order(d$reference)[1], " with intervals. ", paste0(first_upper(as.character(d$arm)),
    ", ", d$measure, ", ", plain_name(as.character(d$by)), " ", fmt_number(d$at), ": ", fmt_points(d$estimate), ".",
    collapse = " "))
}
