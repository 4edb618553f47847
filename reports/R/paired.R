# Attention on the subject by recipe and layer, and the recipes at other settings of a simulation.

#' The change of attention of each recipe, and its difference from the first; of several layers the one where a
#' difference that shows is largest, and in how many there is one.
say_attention_change <- function(results) {
  d <- paired_of(results, "attention-change")
  d <- d[d$measure == "attention, greatest", ]
  gaps <- against_first(d)
  layers <- length(unique(d$at))
  shown <- gaps[(gaps$lower > 0 | gaps$upper < 0) %in% TRUE, ]
  largest <- c(shown$at[which.max(abs(shown$estimate))], gaps$at[which.min(clarity(gaps))], d$at)[1]
  own <- by_itself(d)
  own <- own[own$at == largest, ]
  lines <- vapply(split(gaps, droplevels(factor(gaps$arm))), function(x) {
    here <- x[x$at == largest, ]
    shown <- sum(x$lower > 0 | x$upper < 0, na.rm = TRUE)
    paste0("- **", md(as.character(here$arm)), "** against ", md(as.character(here$reference)), ": ",
      say_points(here, "point", "lower", "higher", "", 2),
      if (layers > 1) paste0("; in ", fmt_n(shown), " of ", layers, " layers the interval excludes no difference"), ".")
  }, "")
  paste0("Attention is what share of it goes from the last word of the question to the subject, of 100. From the ",
    "baseline to the end of training it changed",
    if (layers > 1) paste0(" (in layer ", fmt_n(largest), ", where recipes differ most)"), " by ",
    list_words(paste0(fmt_points(own$estimate, 2), " (", md(as.character(own$arm)), ")")),
    ", on the withheld facts. The change, compared within facts:\n\n", paste(lines, collapse = "\n"))
}

# How easily chance alone would give it: the smaller, the clearer.
clarity <- function(d) stats::pt(-abs(d$estimate / d$se), d$df)

fmt_points <- function(x, digits = 1) {
  paste0(ifelse(x < 0, "\u2212", "+"), formatC(abs(100 * x), format = "f", digits = digits))
}

figure_attention_change <- function(results) plot_attention_change(paired_of(results, "attention-change"), worded)

alt_attention_change <- function(results) {
  d <- attention_panels(paired_of(results, "attention-change"))
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

figure_sweep <- function(results) {
  d <- paired_of(results, "sweep")
  plot_sweep(d, level_order(d$arm), plain_name, worded)
}

alt_sweep <- function(results) {
  d <- against_first(paired_of(results, "sweep"))
  paste0("Differences from ", level_order(d$reference)[1], " with intervals. ", paste0(first_upper(as.character(d$arm)),
    ", ", d$measure, ", ", plain_name(as.character(d$by)), " ", fmt_number(d$at), ": ", fmt_points(d$estimate), ".",
    collapse = " "))
}
