# Figures of finished tables show the numbers of those tables.
skip_if_not_installed("patchwork")
layer <- function(plot, i) ggplot2::layer_data(plot, i)
stays <- data.frame(run = "a-1", fact_id = c(1, 1, 2, 2, 3, 3, 4), split = c(rep("trained", 6), "withheld"),
                    from = c("latent", "known", "unknown", "known", "known", "forgotten", "unknown"),
                    to = c("known", "censored", "known", "forgotten", "forgotten", "reacquired", "censored"),
                    start = c(0, 1, 0, 2, 0, 1, 0), stop = c(1, 4, 2, 4, 1, 4, 4))

test_that("states of facts, their flows and their heat map are one another's", {
  cells <- fact_states(stays)
  expect_equal(cells$state[cells$fact == "2" & cells$time == 4], "forgotten")
  expect_equal(cells$state[cells$fact == "3" & cells$time == 4], "known") # reacquired is known
  flow <- flows(stays)
  expect_equal(sum(flow$n), 4)
  expect_equal(flow$share[flow$split == "withheld"], 1)
  expect_equal(as.character(flow$to[flow$from == "latent"]), "known")
  bands <- layer(plot_alluvial(stays), 1L)
  thick <- tapply(bands$ymax - bands$ymin, list(bands$PANEL, bands$group), mean)
  expect_equal(sort(as.vector(thick[!is.na(thick)])), c(rep(1 / 3, 3), 1))
  for (end in split(bands, bands$PANEL)) { # nothing lies over anything, and nothing is left out, at both ends
    for (x in 0:1) expect_equal(sum(end$ymax[end$x == x] - end$ymin[end$x == x]), max(end$ymax))
  }
  facts <- data.frame(fact_id = 1:4, relation = "capital", split = c(rep("trained", 3), "withheld"))
  expect_equal(nrow(layer(plot_heatmap(stays, facts), 1L)), nrow(cells))
  taught <- facts_of_run(transform(stays, split = "trained"), facts)
  expect_true(all(taught$split[taught$fact_id %in% stays$fact_id] == "trained")) # as the run is taught
  expect_identical(facts_of_run(stays, facts), facts)
  rows <- heatmap_rows(cells, facts, most = 2)
  expect_equal(attr(rows, "each"), 2)
})

test_that("knowledge is shared out over runs, and small relations share a bar", {
  facts <- data.frame(fact_id = 1:6, relation = rep(c("a", "b", "c"), 3:1))
  baseline <- data.frame(run = rep(c("x", "y"), each = 6), fact_id = 1:6,
                         knowledge = c(rep("known", 6), rep("latent", 6)))
  d <- knowledge_by_relation(baseline, facts, most = 2)
  expect_equal(sort(unique(d$relation)), c("a", "all other relations"))
  expect_equal(d$mean[d$relation == "a"], c(1.5, 1.5, 0))
  expect_equal(sum(layer(plot_knowledge(baseline, facts), 1L)$xmax - layer(plot_knowledge(baseline, facts), 1L)$xmin),
               3)
})

test_that("random effects are ranked, alike ones share a row, and of many both ends are drawn", {
  effects <- data.frame(grouping = "group", level = sprintf("g%02d", 1:41), hr = c(1.5, seq(0.2, 3, length.out = 40)))
  effects$lower <- effects$hr / 2
  effects$upper <- effects$hr * 2
  effects <- rbind(effects, transform(effects[1L, ], level = "twin"))
  ranked <- ranked_effects(effects)
  expect_equal(nrow(ranked), 20L)
  expect_false(is.unsorted(ranked$hr))
  expect_true("g01 and 1 other alike" %in% ranked_effects(effects, ends = Inf)$name)
  points <- Filter(function(d) "shape" %in% names(d), lapply(2:3, layer, plot = plot_caterpillar(effects)))[[1L]]
  expect_equal(sort(points$x), log10(sort(ranked$hr)))
})

test_that("an axis of ratios has several ticks, however narrow it is", {
  for (to in c(1.25, 1.6, 2, 2.2, 3, 6, 20)) {
    for (from in c(0.05, 0.3, 0.6, 0.8)) {
      breaks <- ratio_breaks(c(from, to))
      expect_true(1 %in% breaks && length(breaks) >= 3L && length(breaks) <= 7L, label = paste(from, to))
    }
  }
})

test_that("the ratio of all rows is drawn beside those without a fact or a run", {
  influence <- data.frame(aspect = c("fact", "fact", "run", "outlier"), term = "latent", lower = NA_real_,
                          unit = c("f1", "f2", "a-1", "f3"), hr_without = c(1.8, 2.2, 2.1, NA), upper = NA_real_,
                          rank = c(1L, 2L, 1L, 1L))
  drawn <- plot_influence(influence, hr = 2)
  expect_equal(unique(layer(drawn, 1L)$xintercept), log10(2))
  points <- Filter(function(d) "shape" %in% names(d), lapply(3:4, layer, plot = drawn))[[1L]]
  expect_equal(sort(points$x), sort(log10(c(1.8, 2.2, 2.1))))
})
