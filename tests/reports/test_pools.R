# Rscript test_pools.R FOLDER: what is said and drawn of phases of learning and of pools of facts.
folder <- commandArgs(trailingOnly = TRUE)[1]
for (file in Sys.glob(file.path(folder, "../../stats/R/plot_*.R"))) source(file, encoding = "UTF-8")
for (file in c("text.R", "words.R", "kinds.R", "results.R", "tables.R", "style.R", "pools.R", "phases.R",
  "instruments.R", "headlines.R")) {
  source(file.path(folder, file), encoding = "UTF-8")
}
contains <- function(text, ...) {
  for (part in c(...)) if (!grepl(part, text, fixed = TRUE)) stop("no '", part, "' in: ", text, call. = FALSE)
}

steps <- c(0, 1, 10, 100, 1000)
one <- function(arm, pool, quantity, mean, layer = 0L, instrument = "loss") {
  data.frame(arm, run = paste0(arm, "-1"), pool, checkpoint = 0:4, step = steps, instrument, quantity, layer, mean)
}
pools <- rbind(
  one("few", "seen", "loss", c(6, 4, 3.5, 2, 0.1)), one("many", "seen", "loss", c(6, 4, 3.5, 3.5, 3.5)),
  one("few", "unseen", "loss", c(6, 4, 3.5, 4, 9)), one("few", "seen", "baseline", rep(3.5, 5)),
  one("many", "seen", "baseline", rep(3.5, 5)), one("few", "unseen", "baseline", rep(3.5, 5)),
  one("few", "seen", "recalled", c(0, 0, 0, 0.2, 1)), one("few", "new", "recalled", c(0, 0, 0, 0, 0.5)),
  one("few", "seen", "first_p_right", c(NA, NA, NA, 0.5, 0.9)), one("few", "unseen", "first_p", (1:5) / 10),
  one("few", "seen", "total", (1:5) / 10, 1L), one("few", "seen", "total", (1:5) / 20, 2L)
)
pools$arm <- factor(pools$arm, c("few", "many"))
phase <- data.frame(model = "phases", arm = c("few", "many"), run = c("few-1", "many-1"), number = c(256, 1024),
  baseline = 3.5, phase1_left = 1, phase1_right = 10, left = c(10, 100), right = c(100, NA), level = 3.5, ratio = 1,
  level_probes = c(1L, 3L), rise_left = c(10, NA), rise_right = c(100, NA))
scaling <- data.frame(model = "phases", term = c("exponent", "factor"), estimate = c(0.8, 1.2), lower = c(0.7, 1),
  upper = c(0.9, 1.5), paper = c(0.81, 0.43), r2 = 0.98, runs = 2L, numbers = 2L, open = 1L)
# What is followed of a model from random weights is not all that it was taught.
of <- function(name) say_taught(list(study = list(model = list(name = name))), "9 facts")
stopifnot(of("scratch") == "asked for 9 facts that it was taught", of("gpt2") == "fine-tuned on 9 facts")
results <- list(pools = pools, phases = phase, scaling = scaling, rule = "first")

contains(say_phases(results), "**few** (1 run): phase 1 ends between steps 1 and 10; the plateau ends between steps 10",
  "**many** (1 run): phase 1 ends between steps 1 and 10; in 1 run it was not over at step 100", "1 times the no-know")
contains(alt_phases(results), "plateau from step 10 to 100.", "plateau from step 10 on.",
  "never taught facts: from 6 to 9")
contains(table_phases(results), "10 to 100", "after 100")
contains(say_scaling(results), "power of **0.8** (95 % interval 0.7 to 0.9", "which 1 had not left it",
  "The paper has 0.81")
contains(say_old_new(results), "of the old facts 0", "100", "of the new ones")
contains(say_sure(results), "0.9 (seen, answered right)", "0.5 (never taught)", "5.5 above",
  "rise between steps 10 and 100 (few, whose plateau ends between steps 10 and 100) and in no run of many.")
contains(say_layers(results), "layer 1 (few: from 0.1 to 0.5)")
for (plot in list(figure_phases, figure_scaling, figure_old_new, figure_sure, figure_layers)) {
  invisible(ggplot2::ggplot_build(plot(results)))
}
# The grey band of a plateau that did not end goes on to the edge.
bands <- plateau_bands(phases_data(results))
stopifnot(identical(bands$from, c(10, 10)), identical(bands$to, c(100, Inf)))
none <- list(pools = data.frame(), phases = data.frame(), scaling = data.frame())
stopifnot(!nrow(phases_data(none)), !nrow(old_new_data(none)), !nrow(sure_data(none)), !nrow(layer_data(none)))
# A study whose only instrument is the loss has no section of other measures.
stopifnot(!nrow(measured_over_time(list(measured = data.frame(quantity = "loss", mean = 1)))),
  !nrow(measured_over_time(list(measured = data.frame()))))
cat("all as expected\n")
