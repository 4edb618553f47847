#' Cox model with coefficients that change with time
#'
#' Either in steps (`split`: one hazard ratio for each period, from rows split at those times) or smoothly (`tt`: the
#' log hazard ratio is b0 + b1 f(t), f the logarithm of time or time itself). The smooth form is fitted on rows split at
#' every event time, in which t is the end of each piece: the same partial likelihood as that of survival's `tt()`, but
#' with strata, robust errors and everything else that a plain fit has.
#'
#' @inheritParams cox
#' @param terms see [formula_design()]: with the column `block`.
#' @param time_varying character, blocks of `terms` whose coefficients change.
#' @param split times in units of the study's axis; the periods are `(from, to]`.
#' @param tt `"log"` or `"linear"`.
#' @return A list like that of [cox()]: `coefficients`; `term_tests` (Wald tests of no change); with `split`
#'   `zph_periods` (the hazard ratio of each period), with `tt` `effect_curves` (the hazard ratio over time).
#' @references Therneau and Grambsch (2000), Modeling Survival Data, 6.5; Therneau, Crowson and Atkinson, vignette
#'   timedep of the package survival.
#' @export
cox_time_varying <- function(data, covariates, strata = character(), cluster = "", ties = "efron", conf = 0.95, terms,
                             time_varying, split = numeric(), tt = "") {
  clustering <- cluster_of(data, cluster)
  moving <- terms[plain_term(terms$block) %in% plain_term(time_varying), , drop = FALSE]
  if (!nrow(moving)) {
    stop("no part of the model is left that could change with time: ", toString(time_varying), call. = FALSE)
  }
  made <- if (length(split)) period_columns(data, moving, split) else time_columns(data, moving, tt)
  fixed <- setdiff(covariates, moving$column)
  kept <- c(fixed, made$terms$column)
  all <- rbind(terms[terms$column %in% fixed, , drop = FALSE], made$terms)
  result <- cox_univariable(made$data, kept, strata, clustering$cluster, ties, conf, all)
  made$conf <- conf
  result$tables <- c(result$tables, if (length(split)) period_tables(result, made) else time_tables(result, made))
  result$cluster <- clustering$cluster
  result$fit$formula <- paste0("; ", toString(unique(moving$block)), made$said)
  result$remarks <- c(made$remarks, result$remarks)
  result$notes <- c(clustering$note, made$notes, "Wald tests; no Schoenfeld analysis of the split rows")
  result
}

# Values of the coefficients' columns: one column of numbers for each row of `terms`. Centred: a product with time is
# within a risk set what it was, and a number far from zero does not drown in it.
design_values <- function(data, terms) {
  x <- design_matrix(data, unique(terms$column))[, terms$coefficient, drop = FALSE]
  sweep(x, 2L, colMeans(x))
}

period_columns <- function(data, moving, split) {
  split <- sort(unique(as.numeric(split)))
  ends <- range(data$stop[data$event])
  said <- exactly(ends)
  usable <- split[split >= ends[[1L]] & split < ends[[2L]]]
  outside <- setdiff(split, usable)
  if (!length(usable)) {
    stop("no split time lies between the first event (", said[[1L]], ") and the last (", said[[2L]], ")", call. = FALSE)
  }
  pieces <- split_time(data, usable)
  values <- design_values(data, moving)[pieces$row, , drop = FALSE]
  edges <- c(min(data$start), usable, max(data$stop))
  rows <- expand.grid(period = seq_len(length(usable) + 1L), which = seq_len(nrow(moving)))
  from <- edges[rows$period]
  to <- edges[rows$period + 1L]
  period <- function(words) sprintf(words, exactly(from), exactly(to))
  names <- paste(moving$term[rows$which], period("in (%s, %s]"))
  columns <- fresh_names(pieces$data, names)
  for (i in seq_along(columns)) {
    pieces$data[[columns[[i]]]] <- values[, rows$which[[i]]] * (pieces$period == rows$period[[i]])
  }
  events <- vapply(rows$period, function(period) sum(pieces$data$event[pieces$period == period]), 0L)
  list(
    data = pieces$data, moving = moving, rows = data.frame(rows, from = from, to = to, events = events),
    terms = made_terms(columns, names, paste0(moving$unit[rows$which], period(", %s to %s")), moving, rows$which),
    said = sprintf(" by period, cut at %s", toString(exactly(usable))),
    remarks = sprintf("no split at %s: events are between %s and %s", toString(exactly(outside)), said[[1L]],
                      said[[2L]])[length(outside) > 0L]
  )
}

time_columns <- function(data, moving, tt) {
  f <- switch(tt, log = log, linear = identity, stop("tt is \"log\" or \"linear\"", call. = FALSE))
  times <- sort(unique(data$stop[data$event]))
  if (tt == "log" && times[[1L]] <= 0) stop("tt = \"log\" needs times above 0", call. = FALSE)
  check_size(nrow(data) * as.double(length(times)) / 2, 1)
  split <- split_time(data, times[-length(times)])
  pieces <- split$data
  values <- design_values(data, moving)[split$row, , drop = FALSE]
  shown <- if (tt == "log") "log(time)" else "time"
  names <- c(moving$term, paste(moving$term, "*", shown))
  # Only pieces that end at an event time are in a risk set; for the others any finite number will do.
  now <- f(pmax(pieces$stop, times[[1L]]))
  columns <- fresh_names(pieces, names)
  pieces[columns] <- as.data.frame(cbind(values, values * now))
  unit <- c(paste(moving$unit, if (tt == "log") "at time 1" else "at time 0"),
            rep(paste("change of the hazard ratio per unit of", shown), nrow(moving)))
  which <- rep(seq_len(nrow(moving)), 2L)
  list(data = pieces, moving = moving, times = times, f = f, terms = made_terms(columns, names, unit, moving, which),
       said = paste(" *", shown), remarks = character(),
       notes = sprintf("%d rows split at %d event times into %d", nrow(data), length(times), nrow(pieces)))
}

made_terms <- function(columns, names, unit, moving, which) {
  data.frame(column = columns, coefficient = quoted(columns), term = names, label = paste0(names, ": ", unit),
             unit = unit, level = "", reference = "", range = moving$range[which], spread = moving$spread[which],
             centre = 0, scale = 1, block = moving$block[which])
}

# Hazard ratio of each period, and whether they differ.
period_tables <- function(result, made) {
  own <- result$tables$coefficients[match(made$terms$term, result$tables$coefficients$term), ]
  se <- ifelse(is.na(own$se_robust), own$se, own$se_robust)
  periods <- data.frame(term = made$moving$term[made$rows$which], period = made$rows$period,
                        made$rows[c("from", "to", "events")], own[c("estimate")], se = se,
                        own[c("hr", "lower", "upper", "p")], row.names = NULL)
  estimate <- stats::coef(result$object)
  variance <- as.matrix(result$object$var)
  tests <- lapply(unique(made$moving$block), function(block) {
    contrasts <- lapply(which(made$moving$block == block), function(i) {
      at <- match(made$terms$coefficient[made$rows$which == i & !own$infinite], names(estimate))
      at <- at[!is.na(estimate[at])]
      lapply(at[-1L], function(j) replace(replace(0 * estimate, j, 1), at[[1L]], -1))
    })
    contrast_test(block, "the same in every period", unlist(contrasts, recursive = FALSE), estimate, variance)
  })
  list(zph_periods = periods, term_tests = do.call(rbind, tests))
}

# Hazard ratio over time, and whether it changes.
time_tables <- function(result, made) {
  estimate <- stats::coef(result$object)
  variance <- as.matrix(result$object$var)
  count <- nrow(made$moving)
  at <- match(made$terms$coefficient, names(estimate))
  grid <- made$times[spread_over(made$times)]
  curves <- lapply(seq_len(count), function(i) {
    basis <- cbind(1, made$f(grid))
    own <- at[c(i, i + count)]
    curve_frame(made$moving$term[[i]], made$moving$label[[i]], "time", grid, drop(basis %*% estimate[own]), basis,
                variance[own, own], made$conf)
  })
  tests <- lapply(unique(made$moving$block), function(block) {
    contrasts <- lapply(at[count + which(made$moving$block == block)], function(j) replace(0 * estimate, j, 1))
    contrast_test(block, "the same at all times", contrasts, estimate, variance)
  })
  list(effect_curves = do.call(rbind, curves), term_tests = do.call(rbind, tests))
}

contrast_test <- function(block, test, contrasts, estimate, variance) {
  if (!length(contrasts)) return(NULL)
  contrast <- do.call(rbind, contrasts)
  estimate[is.na(estimate)] <- 0
  difference <- drop(contrast %*% estimate)
  wald_row(block, test, quadratic_form(contrast %*% variance %*% t(contrast), difference), nrow(contrast))
}
