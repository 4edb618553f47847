# Rscript test_figures.R FOLDER: what the figures draw, read off their layers; data made here.
folder <- commandArgs(trailingOnly = TRUE)[1]
for (file in Sys.glob(file.path(folder, "../../stats/R/plot_*.R"))) source(file, encoding = "UTF-8")
for (file in list.files(folder, pattern = "\\.R$", full.names = TRUE)) source(file, encoding = "UTF-8")
layers <- function(plot) lapply(seq_along(plot$layers), function(i) ggplot2::layer_data(plot, i))

# One estimate within the axis, one whose interval goes on beyond it on both sides, one that lies beyond it itself.
d <- data.frame(outcome = "loss", rule = "first", model = "cox", term = c("a", "b", "c"), unit = "yes vs no",
  estimate = log(c(2, 1, 900)), hr = c(2, 1, 900), lower = c(1.5, 0.001, 30), upper = c(3, 400, 9e4), infinite = FALSE)
results <- list(coefficients = d, rule = "first", time = "epoch")
forest <- layers(figure_forest(results, "loss"))
span <- log10(c(0.05, 20))
inside <- vapply(forest, function(x) all(c(x$x, x$xmin, x$xmax) >= span[1] - 1e-9, c(x$x, x$xmin, x$xmax) <=
  span[2] + 1e-9, na.rm = TRUE), NA)
stopifnot(all(inside))
points <- Filter(function(x) "shape" %in% names(x), forest)[[1]]
stopifnot(isTRUE(all.equal(sort(points$x), log10(c(1, 2))))) # 900 is no point at the edge of the axis
label <- function(sign) do.call(rbind, Filter(function(x) sign %in% x$label, forest))
arrows <- list(down = label("<"), up = label(">"))
stopifnot(sum(!is.na(arrows$down$x)) == 1, sum(!is.na(arrows$up$x)) == 2)

# So it is in the small picture of the first screen.
bars <- vapply(1:3, function(i) interval_bar(d[i, ], "loss"), "")
drawn <- function(what) lengths(regmatches(bars, gregexpr(what, bars)))
stopifnot(identical(drawn("<circle"), c(1L, 1L, 0L)), identical(drawn("v8z"), c(0L, 2L, 1L)))

# A narrow axis has ticks beside 1.
stopifnot(length(ratio_breaks(c(0.8, 1.6))) >= 3, length(ratio_breaks(c(0.6, 1.8))) >= 3,
  identical(ratio_breaks(c(0.3, 4)), c(0.5, 1, 2)))

# A legend names what is drawn and nothing else.
legend <- ggplot2::get_guide_data(figure_forest(results, "loss"), "colour")$.label
stopifnot(identical(legend, "adjusted for the others"))

# A curve of hazard ratios that climbs beyond the panel keeps its values: it leaves the panel, without a plateau.
curve <- data.frame(task = "t", term = "x", axis = "time", at = 1:4, hr = c(1, 10, 100, 1000),
  lower = c(0.5, 5, 50, 500),
  upper = c(2, 20, 200, 2000), band_lower = c(0.4, 4, 40, 400), band_upper = c(3, 30, 300, 3000))
fits <- data.frame(task = "t", name = "curve")
drawn <- figure_model_curves(list(models = list(effect_curves = curve, fits = fits), time = "epoch"), "t")
line <- ggplot2::layer_data(drawn, which(vapply(drawn$layers, function(l) inherits(l$geom, "GeomLine"), NA)))
stopifnot(isTRUE(all.equal(line$y, 0:3)), isTRUE(all.equal(drawn$coordinates$limits$y, c(0.4, 20))))

# Levels with one and the same effect share a row, and so do those wholly beyond the axis.
effects <- data.frame(outcome = "loss", rule = "first", model = "coxme", grouping = "group", level = letters[1:6],
  hr = c(1.5, 1.5, 1.5, 0.7, 0.001, 0.002), lower = c(1, 1, 1, 0.3, 1e-5, 1e-5), upper = c(2, 2, 2, 1.2, 0.01, 0.02))
shown <- named_effects(list(facts = data.frame()), effects)
stopifnot(identical(shown$name, c("e and 1 other alike", "d", "a and 2 others alike")),
  identical(shown$alike, c(2L, 1L, 3L)))

# Where the table of points holds a part of very many events, the caption says so.
drawn <- function(points, events) {
  say_drawn(list(rule = "first", fits = data.frame(task = "t", outcome = "loss", rule = "first", events = events),
    zph_points = data.frame(task = "t", outcome = "loss", rule = "first",
      term = rep(c("a", "b"), each = points))), "loss")
}
stopifnot(identical(drawn(10000, 10000L), ""), identical(drawn(9000, 9500L), ""))
stopifnot(grepl("Drawn are 10,000 of the 87,500 events", drawn(10000, 87500L), fixed = TRUE))

# Ticks of the time axis are regular wherever the numbers at risk are known there, and fit under the curve.
for (end in c(5, 10, 12, 20, 30)) {
  t <- risk_times(0:end, end)
  stopifnot(length(unique(diff(t))) == 1, length(t) <= 8, length(t) >= 3, max(t) <= end)
}
stopifnot(all(risk_times(c(0, 1, 3, 7, 20, 20.5), 20.5) %in% c(0, 1, 3, 7, 20, 20.5)))
# No grid runs through the numbers under a curve.
counted <- data.frame(by = "", stratum = factor("all"), time = 0:1, n_risk = 2:1, events = 0:1)
risk <- numbers_at_risk(counted, c(all = "#000000"), ggplot2::scale_x_continuous(breaks = 0:1), "facts")
stopifnot(grepl("element_blank", class(ggplot2::calc_element("panel.grid.major.x", risk$theme))[1]))

# Equal spacing has a rate, unequal probes have none.
of <- function(times) list(events = data.frame(outcome = "loss", rule = "first", arm = "a", stop = times, event = TRUE),
  event_counts = data.frame(run = "r"), rule = "first", time = "epoch")
stopifnot(startsWith(cap_events(of(c(4, 8, 12))), "Events per 4 epochs"),
  startsWith(cap_events(of(c(4, 8, 24))), "Events at each epoch"))

# When a fact was first recalled: the earliest checkpoint at which it was known, in a study without any recall never.
moves <- data.frame(rule = "first", run = "a", fact_id = c("f1", "f1", "f2"), from = c("unknown", "known", "unknown"),
  to = c("known", "forgotten", "unknown"), start = c(0, 3, 0), stop = c(3, 5, 9))
facts <- list(rule = "first", transitions = moves, histories = data.frame(fact_id = c("f1", "f2"), after = FALSE),
  facts = data.frame(fact_id = c("f1", "f2"), subject = "s", relation = "r", object = "o", split = "trained"))
stopifnot(identical(fact_rows(facts)$first, c(3, NA)), identical(fact_rows(facts)$forgotten, c(1L, 0L)))
facts$transitions <- moves[3, ]
stopifnot(all(is.na(fact_rows(facts)$first)))
cat("all as expected\n")

# Prompt forms: shares and agreement are those of the rows; a form that was never trained says so.
asked <- list(baseline = data.frame(run = "r", fact_id = c("f", "g"), split = "trained"), forms = data.frame(run = "r",
  fact_id = rep(c("f", "f", "g", "g"), 2), epoch = rep(c(0, 3), each = 4), form = rep(1:2, 4), held_out = rep(c(FALSE,
    TRUE), 4), recalled = c(FALSE, FALSE, FALSE, FALSE, TRUE, FALSE, TRUE, TRUE)))
told <- say_forms(asked)
stopifnot(grepl("100.0\u00a0% in the probe form and 50.0\u00a0% in form 2, never trained", told, fixed = TRUE),
  grepl("**50.0\u00a0%** of the histories are recalled in every form, 50.0\u00a0% in some", told, fixed = TRUE))
thick <- ggplot2::layer_data(figure_forms(asked), 2)
stopifnot(isTRUE(all.equal(sort(thick$y[thick$x == 3]), c(0.5, 1))))
# A run that ends sooner, where another fact is withheld: told at its own end, as what the facts are in it.
sooner <- transform(asked$forms[asked$forms$epoch == 0, ], run = "s", epoch = 1)
asked$forms <- rbind(asked$forms, sooner)
asked$baseline <- rbind(asked$baseline, data.frame(run = "s", fact_id = c("f", "g"), split = c("withheld", "trained")))
told <- say_forms(asked)
stopifnot(grepl("Trained facts:** at the last checkpoint 66.7\u00a0% in the probe form", told, fixed = TRUE),
  grepl("Withheld facts:** at the last checkpoint 0.0\u00a0% in the probe form", told, fixed = TRUE))
