events <- simulate_events(facts = 200L)
covariates <- c("latent", "popularity", "relation")
data <- analysis_data(events, "acquisition", "first", covariates, "fact_id", TRUE)$data
rows <- influence_tables(data, covariates)$tables$influence
object <- fit_cox(data, covariates)
of <- function(aspect) rows[rows$aspect == aspect, ]

test_that("a fact's influence is close to what leaving it out does", {
  top <- of("fact")[of("fact")$term == "latent" & of("fact")$rank == 1L, ]
  without <- fit_cox(data[data$fact_id != top$unit, ], covariates)
  moved <- (coef(object) - coef(without))[["latent=TRUE"]] / sqrt(vcov(object)["latent=TRUE", "latent=TRUE"])
  expect_equal(top$value, moved, tolerance = 0.25)
  expect_equal(log(top$hr_without), coef(without)[["latent=TRUE"]], tolerance = 0.05)
  dfbeta <- rowsum(residuals(object, "dfbeta"), as.character(data$fact_id))
  expect_equal(abs(top$value), max(abs(dfbeta[, 1])) / sqrt(vcov(object)[1, 1]))
})

test_that("runs: the model is fitted again without each of them", {
  runs <- of("run")[of("run")$term == "latent", ]
  expect_setequal(runs$unit, unique(as.character(data$run)))
  for (run in runs$unit) {
    # One row a fact is left, and with it the model-based error.
    without <- survival::coxph(survival::Surv(start, stop, event) ~ latent + popularity + relation,
                               data[data$run != run, ])
    row <- runs[runs$unit == run, ]
    expect_equal(row$hr_without, exp(coef(without)[["latentTRUE"]]))
    expect_equal(c(row$lower, row$upper), unname(exp(confint(without)["latentTRUE", ])))
    expect_equal(row$value, (coef(object) - coef(without))[[1]] / sqrt(vcov(object)[1, 1]))
  }
  single <- data[data$run == data$run[[1]], ]
  expect_false("run" %in% influence_tables(single, covariates)$tables$influence$aspect)
})

test_that("overdispersion is robust over model-based error", {
  robust <- fit_cox(data, covariates, cluster = "fact_id")
  clustered <- influence_tables(data, covariates, cluster = "fact_id")$tables$influence
  clustered <- clustered[clustered$aspect == "overdispersion", ]
  expect_equal(clustered$value, unname(sqrt(diag(robust$var) / diag(robust$naive.var))))
  expect_equal(unique(clustered$unit), "fact_id")
  expect_false("overdispersion" %in% rows$aspect)
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

test_that("a ratio that two facts make, and a change with time that two facts make, are fitted again without them", {
  with_far <- function(which, x) {
    set.seed(5)
    data <- data.frame(fact_id = sprintf("f%02d", 1:60), run = "r", start = 0, stop = 1 + (1:60) / 10, event = TRUE,
                       x = stats::rnorm(60), y = rep(c(0, 1), 30))
    data$x[which] <- x
    data
  }
  influence <- function(data) influence_tables(data, c("x", "y"))$tables$influence
  cox_of <- function(data) survival::coxph(survival::Surv(start, stop, event) ~ x + y, data)
  early <- with_far(1:2, c(8, 9)) # the first two events make the ratio
  facts <- subset(influence(early), aspect == "facts")
  expect_setequal(facts$unit, c("f01", "f02"))
  again <- summary(cox_of(early[-(1:2), ]))
  expect_equal(facts$hr_without, rep(again$coefficients["x", "exp(coef)"], 2)) # the same fit
  expect_equal(facts$p, rep(again$coefficients["x", "Pr(>|z|)"], 2))
  late <- with_far(40:41, 9) # two late ones make the change
  change <- subset(influence(late), aspect == "zph")
  expect_equal(unique(change$term), "x")
  tested <- function(data) survival::cox.zph(cox_of(data), transform = "identity")$table["x", "p"]
  expect_equal(change$p, rep(tested(late[!late$fact_id %in% change$unit, ]), 2))
  expect_lt(tested(late), 0.05)
  expect_gt(change$p[[1]], 0.05)
})
