events <- simulate_events(facts = 200L)
covariates <- c("latent", "popularity", "relation")
data <- analysis_data(events, "acquisition", "first", covariates, "fact_id", TRUE)$data
rows <- influence_tables(data, covariates)$tables$influence
object <- fit_cox(data, covariates)
of <- function(aspect) rows[rows$aspect == aspect, ]

test_that("a fact's influence is close to what leaving it out does", {
  top <- of("fact")[of("fact")$term == "latent" & of("fact")$rank == 1L, ]
  without <- fit_cox(data[data$fact_id != top$unit, ], covariates)
  moved <- (coef(object) - coef(without))[["latentTRUE"]] / sqrt(vcov(object)["latentTRUE", "latentTRUE"])
  expect_equal(top$value, moved, tolerance = 0.25)
  expect_equal(log(top$hr_without), coef(without)[["latentTRUE"]], tolerance = 0.05)
  dfbeta <- rowsum(residuals(object, "dfbeta"), as.character(data$fact_id))
  expect_equal(abs(top$value), max(abs(dfbeta[, 1])) / sqrt(vcov(object)[1, 1]))
})

test_that("runs: all of them, and with two they pull apart", {
  runs <- of("run")[of("run")$term == "latent", ]
  expect_setequal(runs$unit, unique(as.character(data$run)))
  expect_equal(sum(runs$value), 0, tolerance = 1e-6)
  single <- data[data$run == data$run[[1]], ]
  expect_false("run" %in% influence_tables(single, covariates)$tables$influence$aspect)
})

test_that("outliers are the deviance residuals of survival, collapsed by fact", {
  fact <- as.character(data$fact_id)
  # With two events in one fact survival's formula leaves out the division by their number, and gives NaN at times.
  oracle <- suppressWarnings(residuals(object, "deviance", collapse = fact))
  all <- influence_tables(data, covariates, most = 1000L)$tables$influence
  all <- all[all$aspect == "outlier", ]
  events_of <- rowsum(as.numeric(data$event), fact)[, 1]
  single <- names(events_of)[events_of <= 1]
  expect_equal(all$value[match(single, all$unit)], unname(oracle[single]), tolerance = 1e-6)
  expect_equal(of("outlier")$value, utils::head(all$value, 5))
})

test_that("a bent effect is found, a straight one is not", {
  expect_gt(of("form")$p, 0.01)
  set.seed(4)
  bent <- data.frame(x = rnorm(600), z = rnorm(600))
  time <- rexp(600) / (0.2 * exp(0.8 * bent$x^2))
  bent <- transform(bent, start = 0, stop = pmin(ceiling(time), 10), event = time <= 10, fact_id = 1:600, run = "r")
  form <- influence_tables(bent, c("x", "z"))$tables$influence
  expect_lt(form$p[form$aspect == "form" & form$term == "x"], 1e-6)
  expect_gt(form$p[form$aspect == "form" & form$term == "z"], 0.01)
})

test_that("variance inflation is the textbook's for numbers, and one without entanglement", {
  set.seed(6)
  x <- rnorm(2000)
  twin <- data.frame(start = 0, stop = sample(20L, 2000L, TRUE), event = TRUE, x = x,
                     y = 0.9 * x + sqrt(0.19) * rnorm(2000), z = rnorm(2000), fact_id = 1:2000, run = "r")
  table <- influence_tables(twin, c("x", "y", "z"))$tables$influence
  vif <- table[table$aspect == "collinearity", ]
  expect_equal(vif$value, c(1 / 0.19, 1 / 0.19, 1), tolerance = 0.1)
  alone <- influence_tables(twin, "x")$tables$influence
  expect_false("collinearity" %in% alone$aspect)
})
