test_that("combinations that read alike are two", {
  a <- factor(c("1", "1.5", "1"))
  b <- factor(c("5.2", "2", "5.2"))
  expect_equal(nlevels(interaction(a, b, drop = TRUE)), 1L) # what R makes of them
  expect_equal(as.integer(crossed(list(a, b))), c(1L, 2L, 1L))
  same <- crossed(list(factor(c("a, b", "a")), factor(c("c", "b, c"))))
  expect_equal(c(nlevels(same), anyDuplicated(levels(same))), c(2L, 0L))
  numbers <- crossed(list(factor(c("x", "x")), c(20230101, 20230102)), " at ")
  expect_equal(levels(numbers), c("x at 20230101", "x at 20230102"))
  expect_equal(levels(crossed(data.frame(a = c("u", "v", "u"), b = c(2, 1, 1)), "/")), c("u/1", "u/2", "v/1"))
})

# Two strata whose levels paste to one text: every model has the strata that coxph has.
test_that("strata and risk sets are by value in every model", {
  data <- simulate_events(facts = 60L, runs = 1L)
  data <- data[data$outcome == "acquisition", ]
  odd <- seq_len(nrow(data)) %% 2L == 0L
  data$dose <- factor(ifelse(odd, "1.5", "1"))
  data$site <- factor(ifelse(odd, "2", "5.2"))
  expect_equal(nlevels(interaction(data$dose, data$site, drop = TRUE)), 1L)
  sets <- function(strata) risk_sets(in_numbers(data, character(), strata)$rows)$.strata
  of_dose <- sets("dose")
  expect_equal(match(sets(c("dose", "site")), sets(c("dose", "site"))), match(of_dose, of_dose)) # two names of one
  grouped <- function(strata) as.numeric(stats::logLik(cloglog(data, "latent", strata)$object))
  expect_equal(grouped(c("dose", "site")), grouped("dose"))
  strata_of <- function(strata) count_rows(data, "latent", strata)$stratum
  expect_equal(strata_of(c("dose", "site")), strata_of("dose"))
})
