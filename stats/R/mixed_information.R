# Information of a Cox model with random intercepts, and Newton's step.
#
# The information of the partial likelihood is that of counts with the expected events as weights, minus, for each event
# time, products of sums over those at risk (r) and the deaths (d) of that time: see information_of_counts(). Those
# products would tie all parameters to each other. Instead, H - A A' is factorised as the matrix (H A; A' I), of which
# it is the Schur complement: two more rows an event time, and all else stays sparse. The largest grouping is diagonal
# then and is eliminated first; what is left is small and dense: the other groupings, the event times, the covariates.
mixed_information <- function(rows, value) {
  covariates <- length(rows$codes) + 1L
  others <- setdiff(seq_along(rows$codes), rows$large)
  shared <- function(a, b) common_rows(rows, value$expected, a, b)
  beside <- function(a) {
    c(lapply(others, function(b) shared(a, b)), list(hazard_columns(rows, value, a), shared(a, covariates)))
  }
  border <- do.call(cbind, beside(rows$large))
  times <- ncol(border) - sum(rows$levels[others]) - ncol(rows$x)
  dense <- do.call(rbind, c(
    lapply(others, function(a) do.call(cbind, beside(a))),
    list(cbind(
      do.call(cbind, lapply(others, function(b) t(hazard_columns(rows, value, b)))), diag(times),
      t(hazard_columns(rows, value, covariates))
    )),
    list(do.call(cbind, beside(covariates)))
  ))
  list(dense = dense, border = border, diagonal = shared(rows$large, rows$large), large = rows$large, others = others,
       sizes = unname(c(rows$levels[others], times, ncol(rows$x))))
}

# Cholesky factor of what is left when the large grouping is eliminated; the log determinant is that of the random
# effects, and the inverse's last rows and columns are the covariances of the coefficients.
factorised <- function(information, variance) {
  sizes <- information$sizes
  diagonal <- information$diagonal + 1 / variance[[information$large]]
  dense <- information$dense - crossprod(information$border, information$border / diagonal)
  diag(dense) <- diag(dense) + rep(c(1 / unlist(variance[information$others]), 0, 0), sizes)
  root <- chol(dense)
  covariates <- sum(sizes) + 1L - rev(seq_len(sizes[[length(sizes)]]))
  list(
    information = information, root = root, diagonal = diagonal,
    log_determinant = sum(log(diagonal)) + 2 * sum(log(diag(root)[-covariates])),
    beta_variance = chol2inv(root)[covariates, covariates, drop = FALSE]
  )
}

# `pull`: for each grouping, how strongly the penalty draws its effects back.
mixed_step <- function(rows, value, pull, factor) {
  information <- factor$information
  large <- information$large
  score <- lapply(seq_along(pull), function(k) rows$sums$level[[k]](value$residual) - pull[[k]])
  of_beta <- drop(crossprod(rows$x, value$residual))
  sizes <- information$sizes
  right <- c(unlist(score[information$others]), numeric(sizes[[length(sizes) - 1L]]), of_beta)
  right <- right - drop(crossprod(information$border, score[[large]] / factor$diagonal))
  step <- backsolve(factor$root, backsolve(factor$root, right, transpose = TRUE))
  parts <- split(step, factor(rep(seq_along(sizes), sizes), seq_along(sizes)))
  b <- vector("list", length(pull))
  b[information$others] <- parts[seq_along(information$others)]
  b[[large]] <- (score[[large]] - drop(information$border %*% step)) / factor$diagonal
  beta <- parts[[length(parts)]]
  list(b = b, beta = beta, gain = sum(unlist(b) * unlist(score)) + sum(beta * of_beta))
}

# A: for each event time, the root of the matrix (ww, -cww; -cww, ccww) of tie_sums() times (r, d).
hazard_columns <- function(rows, value, set) {
  tied <- value$tied
  sums <- risk_sums(rows, value, set)
  first <- sqrt(tied$ww)
  second <- sqrt(pmax(tied$ccww - (tied$cww / first)^2, 0))
  kept <- which(second > 0)
  cbind(
    times_column(sums$r, first) - times_column(sums$d, tied$cww / first),
    times_column(sums$d[, kept, drop = FALSE], second[kept])
  )
}

times_column <- function(values, factors) values * rep(factors, each = nrow(values))

# r and d of a set, the levels of a grouping or the covariates: parameters x event times.
risk_sums <- function(rows, value, set) {
  moments <- length(rows$times)
  if (set > length(rows$codes)) {
    weighted <- value$risk * rows$x
    died <- which(rows$died)
    return(list(r = t(sums_at_risk(weighted, rows)),
                d = t(sums_at(weighted[died, , drop = FALSE], rows$last[died], moments))))
  }
  r <- rows$sums$until[[set]](value$risk)
  before <- rows$sums$before[[set]]
  if (!is.null(before)) r <- r - before(value$risk)
  r <- matrix(r, ncol = moments)
  for (moment in rev(seq_len(moments - 1L))) r[, moment] <- r[, moment] + r[, moment + 1L]
  list(r = r, d = matrix(rows$sums$dead[[set]](value$risk), ncol = moments))
}

# Sum of a value per row over the rows that two sets share; of the large grouping with itself, the diagonal.
common_rows <- function(rows, value, a, b) {
  x <- length(rows$codes) + 1L
  if (a == x && b == x) return(crossprod(rows$x, value * rows$x))
  if (a == x) return(t(common_rows(rows, value, b, a)))
  if (b == x) return(matrix(apply(value * rows$x, 2L, rows$sums$level[[a]]), ncol = ncol(rows$x)))
  if (a != b) return(matrix(rows$sums$pair[[a]][[b]](value), rows$levels[[a]]))
  own <- rows$sums$level[[a]](value)
  if (a == rows$large) own else diag(own, length(own))
}
