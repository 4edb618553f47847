# How the time of a fit grows with its rows: eight times as many rows. What is linear takes eight times as long (less,
# where a constant part counts), what is quadratic 64 times; between them 28, since a shared machine doubles and halves
# processor seconds and larger tables leave its caches.

events_of <- function(facts) {
  set.seed(4)
  x <- stats::rnorm(facts)
  kind <- factor(sample(letters[1:3], facts, TRUE))
  time <- stats::rexp(2L * facts) / (0.1 * exp(0.3 * rep(x + (kind == "b"), 2L)))
  data.frame(fact_id = factor(rep(seq_len(facts), 2L)), run = factor(rep(1:2, each = facts)), start = 0,
             stop = pmin(ceiling(time), 20), event = time <= 20, kind = rep(kind, 2L), x = rep(x, 2L))
}

small <- events_of(1500L)
large <- events_of(12000L)
continuous <- function(data) transform(data, stop = stop - seq_len(nrow(data)) / (2 * nrow(data)))

cpu <- function(code) sum(system.time(code, gcFirst = TRUE)[c("user.self", "sys.self")])

fits <- list(
  "the grouped-time model" = function(data) cloglog(data, c("kind", "x"), cluster = "fact_id"),
  "the frailty of facts" = function(data) gamma_maximum(mixed_rows(data, c("kind", "x"), "fact_id"), 0.2, "efron"),
  "mean times" = function(data) rmst_difference(continuous(data), "kind"),
  "curves at a time of their own for each event" = function(data) km_curves(continuous(data), "kind"),
  "the hazard of a frailty's typical group" = function(data) {
    object <- list(coefficients = c(x = 0.3), frail = numeric(nlevels(data$fact_id)))
    baseline_hazard(object, continuous(data), "x", "fact_id", c(5, 10))
  },
  influence = function(data) influence_tables(data, c("kind", "x"), cluster = "fact_id")
)

for (name in names(fits)) {
  test_that(paste("grows with the rows, not with their square:", name), {
    fit <- fits[[name]]
    fit(small) # packages and compiled functions
    expect_lt(cpu(fit(large)), 28 * max(cpu(fit(small)), 0.02))
  })
}

# Megabytes beyond what was there before, by R's own count: 80; with a column for each period, as glm() has it, 260.
test_that("the grouped-time model of many rows needs no design with a column for each period", {
  before <- sum(gc(reset = TRUE)[, 6L])
  cloglog(large, c("kind", "x"), cluster = "fact_id")
  expect_lt(sum(gc()[, 6L]) - before, 160)
})
