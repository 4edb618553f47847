# Five facts by hand: a, b become known at 1 and 2, a is forgotten at 4; c never; d known at 3, the last it was seen; e
# known throughout. Unknown at risk: 4, 3, 2, 1; at 4, one of three known (d is not followed any more) is lost.
tiny_states <- stays_of(list(
  a = list("unknown", 0, "known", 1, "forgotten", 4), b = list("unknown", 0, "known", 2, "censored", 4),
  c = list("unknown", 0, "censored", 4), d = list("unknown", 0, "known", 3), e = list("known", 0, "censored", 4)
))

at <- function(rows, state, column = "probability") rows[[column]][rows$state == state]

test_that("Aalen-Johansen by hand", {
  tables <- state_occupation(tiny_states)$tables
  rows <- tables$occupation
  expect_equal(unique(rows$time), 0:4)
  expect_equal(at(rows, "unknown"), c(4, 3, 2, 1, 1) / 5)
  expect_equal(at(rows, "known"), c(1, 2, 3, 4, 4 * 2 / 3) / 5)
  expect_equal(at(rows, "forgotten"), c(0, 0, 0, 0, 4 / 3) / 5)
  expect_equal(at(rows, "unknown", "n_risk"), c(4, 4, 3, 2, 1))
  expect_equal(at(tables$sojourns, "unknown", "mean"), (4 + 3 + 2 + 1) / 5)
  expect_equal(at(tables$sojourns, "known", "mean"), (1 + 2 + 3 + 4) / 5)
  expect_equal(unname(tapply(rows$probability, rows$time, sum)), rep(1, 5), ignore_attr = TRUE)
})

test_that("where all get there the share is 1, not 1 + 2e-16, and has its interval without a warning", {
  everyone <- stays_of(lapply(c(a = 1, b = 2, c = 3, d = 4, e = 5), function(time) list("unknown", 0, "known", time)))
  expect_no_warning(rows <- state_occupation(everyone)$tables$occupation)
  expect_identical(unlist(rows[rows$state == "known" & rows$time == 5, c("probability", "lower", "upper")],
                          use.names = FALSE), c(1, 1, 1))
})

test_that("counts and time by hand", {
  counts <- transition_counts(tiny_states)
  told <- paste(counts$from, counts$to, counts$at_risk, counts$events, counts$time)
  # Time unknown: 1 + 2 + 4 + 3; known: 3 + 2 + 4.
  expect_equal(told, c("unknown known 4 3 10", "unknown censored 4 1 10", "known forgotten 3 1 9",
                       "known censored 3 2 9"))
})

test_that("without censoring the errors are those of a share, and a fact seen twice counts once", {
  once <- simulate_states(facts = 80L)
  rows <- state_occupation(once)$tables$occupation
  expect_equal(rows$se, sqrt(rows$probability * (1 - rows$probability) / 80), tolerance = 1e-8)
  twice <- rbind(once, transform(once, run = "again"))
  expect_equal(state_occupation(twice)$tables$occupation$se, rows$se, tolerance = 1e-8)
  expect_equal(state_occupation(twice, cluster = "")$tables$occupation$se, rows$se / sqrt(2), tolerance = 1e-8)
  inside <- rows[rows$se > 0, ]
  expect_true(all(inside$lower > 0 & inside$lower < inside$probability & inside$upper < 1))
  half <- qnorm(0.975) * inside$se / (inside$probability * (1 - inside$probability))
  expect_equal(inside$upper, plogis(qlogis(inside$probability) + half))
})

test_that("where nobody moves the shares stay, with the same errors", {
  still <- function(id, state) list(state, 0, "censored", 4)
  states <- c(a = "unknown", b = "unknown", c = "latent", d = "known")
  data <- stays_of(Map(still, names(states), states))
  tables <- state_occupation(rbind(data, transform(data, run = "again")))$tables
  expect_equal(tables$occupation$probability, rep(c(2, 1, 1) / 4, each = 2))
  expect_equal(tables$occupation$se, sqrt(rep(c(4, 3, 3) / 16, each = 2) / 4))
  expect_equal(tables$sojourns$mean, c(2, 1, 1))
  one <- state_occupation(transform(data, to = factor(ifelse(fact_id == "d", "forgotten", "censored"), levels(to))))
  expect_equal(one$tables$occupation$se[one$tables$occupation$state == "unknown"], c(0.25, 0.25))
})

test_that("mstate, an independent implementation, has the same probabilities", {
  skip_if_not_installed("mstate")
  data <- simulate_states(facts = 150L, seed = 3L)
  data <- data[!(as.integer(data$fact_id) %% 4L == 0L & data$start >= 5), ]
  cut <- as.integer(data$fact_id) %% 4L == 0L & data$stop > 5
  data$stop[cut] <- 5
  data$to[cut] <- "censored"
  pairs <- transitions_of(data)
  matrix <- matrix(NA_integer_, 5L, 5L)
  index <- cbind(match(pairs$from, levels(data$from)), match(pairs$to, levels(data$from)))
  matrix[index] <- seq_len(nrow(pairs))
  long <- do.call(rbind, lapply(seq_len(nrow(pairs)), function(i) {
    own <- data[data$from == pairs$from[[i]], ]
    data.frame(id = own$fact_id, from = index[i, 1L], to = index[i, 2L], trans = i, Tstart = own$start,
               Tstop = own$stop, status = as.integer(own$to == pairs$to[[i]]))
  }))
  hazards <- mstate::msfit(survival::coxph(survival::Surv(Tstart, Tstop, status) ~ strata(trans), long,
                                           method = "breslow"), trans = matrix, variance = FALSE)
  from_start <- mstate::probtrans(hazards, predt = 0, variance = FALSE)
  begin <- data[data$start == 0, ]
  shares <- table(begin$from) / nrow(begin)
  rows <- state_occupation(data)$tables$occupation
  for (state in levels(data$from)) {
    theirs <- rowSums(vapply(seq_along(shares), function(i) {
      shares[[i]] * from_start[[i]][[paste0("pstate", match(state, levels(data$from)))]]
    }, from_start[[1L]]$time))
    expect_equal(at(rows, state), theirs[match(at(rows, state, "time"), from_start[[1L]]$time)], tolerance = 1e-10)
  }
})

test_that("one model a transition is survival's multi-state model", {
  data <- simulate_states(facts = 150L, runs = 2L)
  rows <- transition_models(data, c("x", "split"))$tables$transition_coefficients
  data$.id <- subject_of(data)
  joint <- survival::coxph(survival::Surv(start, stop, to) ~ x + split, data, id = .id, istate = from,
                           cluster = fact_id, ties = "efron")
  # survival's order: all coefficients of one transition, then of the next; transitions by state.
  order <- sapply(seq_len(nrow(rows)), function(i) {
    sprintf("%s_%d:%d", c(x = "x", split = "splitwithheld")[[rows$term[[i]]]], match(rows$from[[i]], joint$states),
            match(rows$to[[i]], joint$states))
  })
  expect_equal(rows$estimate, unname(coef(joint)[order]), tolerance = 1e-8)
  expect_equal(rows$se_robust, unname(sqrt(diag(joint$var))[match(order, names(coef(joint)))]), tolerance = 1e-6)
})

test_that("known effects come back", {
  data <- simulate_states(facts = 600L, seed = 5L, grid = 0.01)
  rows <- transition_models(data, "x")$tables$transition_coefficients
  expect_equal(nrow(rows), 7)
  # Seven normal deviates beyond 3.5 once in three hundred data sets; this one is fixed.
  expect_true(all(abs(rows$estimate - 0.5) < 3.5 * (rows$upper - rows$lower) / (2 * qnorm(0.975))))
})

test_that("too few events, or nothing that varies, has its reason in the place of the estimate", {
  data <- simulate_states(facts = 40L)
  result <- multi_state(data, c("x", "split"))
  rows <- result$tables$transition_coefficients
  happened <- table(paste(data$from, "to", data$to))[unique(paste(rows$from, "to", rows$to))]
  few <- names(happened)[happened < 10]
  expect_gt(length(few), 1L)
  for (pair in names(happened)) {
    own <- rows[paste(rows$from, "to", rows$to) == pair, ]
    expect_equal(unique(own$events), happened[[pair]])
    expect_equal(unique(own$status), if (pair %in% few) "not estimable" else "ok")
    expect_equal(is.na(own$hr), rep(pair %in% few, nrow(own)))
  }
  told <- sprintf("%s: %d events for 2 coefficients", few[[1]], happened[[few[[1]]]])
  expect_match(paste(result$remarks, collapse = " "), told, fixed = TRUE)
  constant <- transform(data, x = 1)
  expect_match(transition_models(constant, "x")$tables$transition_coefficients$reason, "the same for all at risk")
})

test_that("the gate says which rows do not make a history", {
  wrong <- function(change) {
    data <- tiny_states
    data <- change(data)
    multi_state(transform(data, x = seq_along(start)), "x")
  }
  overlap <- wrong(function(d) transform(d, start = replace(start, 2, 0.5)))
  expect_equal(overlap$status, "failed")
  expect_match(overlap$reason, "overlap in time \\(1 row; the first: fact 'a' in run 'r', from 0.5\\)")
  teleport <- wrong(function(d) transform(d, from = replace(from, 4, "forgotten")))
  expect_match(teleport$reason, "another state than the one before it ended in .* fact 'b'")
  jump <- wrong(function(d) transform(d, start = replace(start, 4, 3), from = replace(from, 4, "latent")))
  expect_match(jump$reason, "changes while a fact is not followed")
  expect_match(wrong(function(d) rbind(d, d[1, ]))$reason, "overlap|twice")
  gap <- check_states(transform(tiny_states, start = replace(start, 4, 3)))
  expect_equal(gap$reason, "")
  expect_match(gap$remarks, "not followed all the time \\(1 row")
})

test_that("a predictor that a transition goes without is named with the reason, of each its own", {
  stays <- simulate_states(facts = 120L)
  stays$event <- stays$to != "censored"
  stays$kind <- factor(ifelse(stays$from == "unknown", "a", ifelse(stays$x > 0, "a", "b")))
  stays$twice <- ifelse(stays$from == "latent", 2 * stays$x, stays$gap)
  rows <- transition_models(stays, c("x", "kind", "twice"))$tables$transition_coefficients
  reason <- function(from) unique(rows$reason[rows$from == from & rows$to == "known"])
  expect_match(reason("unknown"), "of those at risk, kind is left out: it is constant (a)", fixed = TRUE)
  expect_match(reason("latent"), "of those at risk, twice is left out: it is determined by x", fixed = TRUE)
})
