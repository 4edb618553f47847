#' Phases of learning, run by run
#'
#' A model that is trained from nothing first learns how often each value occurs, then stays on a plateau at the loss of
#' who knows no more than that, then learns facts (Zucchet et al. 2025). Of each run:
#'
#' * *phase 1 ends* at the first probe whose loss is no more than `drop` above the no-knowledge loss;
#' * *the plateau ends* at the first of `successive` probes whose loss is more than `drop` below it. It ended between
#'   the probe before and that one, (`left`, `right`]; where it did not, `right` is missing and `left` is the last probe
#'   at which the end could have been seen;
#' * *the level* is the mean loss over the probes from the end of phase 1 to the last one before the end.
#'
#' A sustained departure from a known level, and no segmented line: the level need not be estimated from the few probes
#' on it, and one lucky probe ends nothing. A run that begins below the no-knowledge loss has no phases and is left out.
#'
#' @param curves data.frame of one row a run and probe: `run`, `arm`, `step`, `loss`, `baseline` (no-knowledge loss),
#'   and optionally `number` (of the arm, such as how many individuals it teaches).
#' @param drop share of the no-knowledge loss.
#' @param successive probes.
#' @return A data.frame of one row a run: `arm`, `run`, `number`, `probes`, `baseline`, `phase1_left`, `phase1_right`,
#'   `left`, `right` (steps), `level`, `ratio` (level over no-knowledge loss) and `level_probes`.
#' @references Zucchet et al. (2025), arXiv 2503.21676, section 3.
#' @examples
#' step <- c(0, 2^(0:9))
#' loss <- c(6, 5, 3.6, 3.5, 3.5, 3.5, 3.4, 3.4, 2, 1, 0.2)
#' phases(data.frame(run = "a-1", arm = "a", step, loss, baseline = 3.47))
#' @export
phases <- function(curves, drop = 0.05, successive = 2L) {
  if (is.null(curves$number)) curves$number <- rep(NA_real_, nrow(curves))
  runs <- split(curves, factor(as.character(curves$run), unique(as.character(curves$run))))
  rows <- lapply(runs, function(run) phases_of_run(run[order(run$step), ], drop, successive))
  nobody <- data.frame(arm = character(), run = character(), number = numeric(), probes = integer(),
                       baseline = numeric(), phase1_left = numeric(), phase1_right = numeric(), left = numeric(),
                       right = numeric(), level = numeric(), ratio = numeric(), level_probes = integer())
  do.call(rbind, c(list(nobody), unname(rows)))
}

phases_of_run <- function(run, drop, successive) {
  below <- run$loss < (1 - drop) * run$baseline
  count <- length(below)
  if (below[[1L]] || count <= successive) return(NULL)
  end <- first_lasting(below, successive)
  first <- match(TRUE, run$loss <= (1 + drop) * run$baseline)
  last <- if (is.na(end)) count - successive + 1L else end - 1L
  on <- if (!is.na(first) && first <= last) seq(first, last) else integer()
  level <- if (length(on)) mean(run$loss[on]) else NA_real_
  ended <- between_probes(run$step, end, successive)
  data.frame(
    arm = as.character(run$arm[[1L]]), run = as.character(run$run[[1L]]), number = run$number[[1L]], probes = count,
    baseline = run$baseline[[1L]], phase1_left = between_probes(run$step, first)$left,
    phase1_right = between_probes(run$step, first)$right, left = ended$left, right = ended$right, level = level,
    ratio = level / run$baseline[[1L]], level_probes = length(on)
  )
}

# The first of so many successive probes that show something; missing where there is none.
first_lasting <- function(shown, successive) {
  starts <- seq_len(length(shown) - successive + 1L)
  lasting <- vapply(starts, function(i) all(shown[seq(i, i + successive - 1L)]), NA)
  match(TRUE, lasting)
}

# Between which two steps it happened; where it did not, after the last one at which its beginning could have been seen.
between_probes <- function(step, at, successive = NA) {
  if (is.na(at)) {
    open <- if (is.na(successive)) NA_real_ else step[[length(step) - successive + 1L]]
    return(list(left = open, right = NA_real_))
  }
  list(left = if (at == 1L) NA_real_ else step[[at - 1L]], right = step[[at]])
}

# When the loss of facts that were never taught leaves its lowest value for good, by a share of the no-knowledge loss.
rises <- function(found, curves, drop, successive) {
  ends <- lapply(as.character(found$run), function(name) {
    run <- take_rows(curves, curves$run == name)
    run <- run[order(run$step), ]
    lowest <- which.min(run$loss)
    run <- run[seq_len(nrow(run)) >= c(lowest, Inf)[[1L]], ]
    if (nrow(run) < successive) return(list(left = NA_real_, right = NA_real_))
    above <- run$loss > run$loss[[1L]] + drop * run$baseline
    between_probes(run$step, first_lasting(above, successive), successive)
  })
  data.frame(rise_left = vapply(ends, `[[`, 0, "left"), rise_right = vapply(ends, `[[`, 0, "right"))
}

#' @rdname phases
#' @param data the table `pools` of `docs/tables.md`.
#' @param pool of facts whose loss is followed.
#' @param conf confidence level of the scaling.
#' @return `learning_phases()` returns a list like that of [cox()], with the table `phases`, to which it adds
#'   `rise_left` and `rise_right`: between which steps the loss of the pool `unseen` comes to lie more than `drop` of
#'   the no-knowledge loss above its lowest, at `successive` probes; and where the arms' numbers are counts the table
#'   `scaling` of [plateau_scaling()].
#' @export
learning_phases <- function(data, pool = "seen", drop = 0.05, successive = 2L, conf = 0.95) {
  curves <- loss_curves(data, pool)
  found <- phases(curves, drop, successive)
  left_out <- n_distinct(curves$run) - nrow(found)
  if (!nrow(found)) {
    return(list(status = "not needed", reason = "no run begins without knowledge: there are no phases"))
  }
  found <- cbind(found, rises(found, loss_curves(data, "unseen"), drop, successive))
  counts <- is.na(found$number) | (found$number >= 2 & found$number %% 1 == 0) # else arms stand for something else
  scaling <- if (all(counts)) captured(plateau_scaling(found, conf))
  open <- sum(is.na(found$right))
  list(
    fit = list(formula = sprintf("loss of the %s facts against the no-knowledge loss", pool), engine = "factsurv"),
    tables = list(phases = found, scaling = scaling$value),
    remarks = c(
      sprintf("%d run(s) begin with knowledge, or have too few probes, and are left out", left_out)[left_out > 0L],
      sprintf("%d run(s) end on the plateau: how long it lasts is not known of them", open)[open > 0L],
      scaling$error[n_distinct(found$number) > 1L], scaling$warnings
    )
  )
}

# Mean loss and no-knowledge loss of a pool at each probe of each run.
loss_curves <- function(data, pool) {
  rows <- take_rows(data, data$instrument %in% "loss" & data$pool %in% pool)
  loss <- take_rows(rows, rows$quantity %in% "loss")
  none <- take_rows(rows, rows$quantity %in% "baseline")
  data.frame(loss[c("run", "arm", "step", "number")], loss = loss$mean,
             baseline = take_at(none, loss, c("run", "checkpoint"))$mean, row.names = NULL)
}
