# Schoenfeld test and residuals of a Cox model on counts: the fields of survival::cox.zph() that zph_tables() reads,
# for single coefficients and, in `table`, for whole covariates.
# Grambsch and Therneau (1994), Biometrika 81:515; as a score test: Therneau, vignette "Approximating a Cox model".
zph_of_counts <- function(object, transform = "identity") {
  fit <- object$fit
  counts <- fit$counts
  at <- fit$at
  time <- time_transform(counts, transform)
  g <- time - sum(time * at$deaths) / sum(at$deaths)
  score <- colSums(g * at$by_time)
  mixed <- information_of_counts(counts, at, g)
  squared <- information_of_counts(counts, at, g^2)
  free <- squared - mixed %*% fit$variance %*% mixed
  columns <- split(seq_along(counts$column), factor(counts$column, unique(counts$column)))
  columns$GLOBAL <- seq_along(counts$column)
  table <- vapply(columns, function(j) {
    # The other products with time stay out of the model.
    c(chisq = quadratic_form(free[j, j, drop = FALSE], score[j]), df = length(j))
  }, c(chisq = 0, df = 0))
  p <- stats::pchisq(table["chisq", ], table["df", ], lower.tail = FALSE)
  died <- which(counts$died)
  died <- died[order(counts$last[died])]
  rows <- rep(seq_along(died), counts$count[died])
  residual <- schoenfeld_residuals(fit)[match(died, which(counts$died)), , drop = FALSE]
  scaled <- sum(at$deaths) * residual %*% fit$variance + rep(fit$coefficients, each = length(died))
  colnames(scaled) <- names(fit$coefficients)
  moment <- counts$last[died][rows]
  list(
    table = cbind(t(table), p = p), x = time[moment], time = counts$times[moment], y = scaled[rows, , drop = FALSE],
    var = sum(at$deaths) * fit$variance, transform = transform
  )
}

time_transform <- function(counts, transform) {
  if (transform == "identity") return(counts$times)
  if (transform == "log") return(log(counts$times))
  if (transform == "rank") {
    # The mean rank of each time among the ends of all rows.
    ends <- sort(unique(counts$stop))
    number <- drop(sums_at(as.matrix(counts$count), match(counts$stop, ends), length(ends)))
    return((cumsum(number) - (number - 1) / 2)[match(counts$times, ends)])
  }
  # Kaplan-Meier over all strata, just before each time.
  moments <- sort(unique(counts$times))
  number <- function(time, rows) {
    drop(sums_at(as.matrix(counts$count[rows]), findInterval(time[rows], moments), length(moments)))
  }
  everyone <- seq_along(counts$count)
  at_risk <- backwards(number(counts$stop, everyone) - number(counts$start, everyone))
  deaths <- number(counts$stop, which(counts$died))
  (1 - c(1, cumprod(1 - deaths / at_risk)))[match(counts$times, moments)]
}
