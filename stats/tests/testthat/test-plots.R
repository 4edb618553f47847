learned <- simulate_learning(facts = 60, seeds = 1, seed = 1)

test_that("a table of events draws the curves that km_curves() has, with names for latent knowledge", {
  skip_if_not_installed("patchwork")
  ready <- analysis_data(learned, "acquisition", "first", "latent")
  tables <- km_curves(ready$data, "latent")$tables
  drawn <- plot_incidence(learned, by = "latent")
  line <- ggplot2::layer_data(drawn[[1L]], 2L)
  last <- vapply(split(line, line$group), function(d) d$y[[nrow(d)]], 0)
  ends <- vapply(split(tables$curves, tables$curves$stratum), function(d) d$incidence[[nrow(d)]], 0)
  expect_equal(unname(last), unname(ends[c("no", "yes")]))
  expect_equal(ggplot2::get_guide_data(drawn[[1L]], "colour")$.label, c("no latent knowledge", "latent knowledge"))
  expect_equal(ggplot2::layer_data(plot_incidence(tables, "latent")[[1L]], 2L), line)
  expect_error(plot_incidence(learned, by = "laten"), "nearest is 'latent'")
})

test_that("figures of fits take the tables of fits", {
  skip_if_not_installed("patchwork")
  ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"))
  tables <- cox(ready$data, ready$covariates)$tables
  forest <- plot_forest(tables$coefficients)
  expect_equal(sort(ggplot2::layer_data(forest, 3L)$x), sort(log10(tables$coefficients$hr)))
  residuals <- plot_zph(tables)
  expect_equal(ggplot2::layer_data(residuals, 5L)$yintercept, tables$coefficients$estimate)
})

test_that("states of one's own have colours of their own, and any span of ratios has marks", {
  for (states in list(c("unknown", "known", "lost"), c("a", "b", "c"), c("known", paste0("s", 1:9)))) {
    colours <- colours_of_states(states)
    expect_equal(names(colours), states)
    expect_false(anyNA(colours) || anyDuplicated(colours) > 0)
  }
  for (low in c(0.05, 0.2, 0.44, 0.8)) for (high in c(1.25, 1.72, 4, 20)) {
    expect_gte(length(ratio_breaks(c(low, high))), 3)
    expect_lte(length(ratio_breaks(c(low, high))), 7)
  }
})

test_that("on a narrow screen panels stand under one another, and the numbers at risk have room", {
  skip_if_not_installed("patchwork")
  wide <- plot_incidence(learned, by = "latent", end = 20)
  narrow <- narrow_plot(wide)
  at <- function(plot) length(unique(ggplot2::layer_data(plot[[2L]], 1L)$x))
  expect_gt(at(wide), 4L)
  expect_lte(at(narrow), 4L)
  panels <- ggplot2::ggplot(data.frame(x = 1:4, g = 1:4), ggplot2::aes(x, x)) + ggplot2::geom_point() +
    ggplot2::facet_wrap("g", ncol = 2)
  expect_equal(unique(ggplot2::ggplot_build(narrow_plot(panels))$layout$layout$COL), 1L)
  expect_equal(narrow_height(panels), 2)
})
