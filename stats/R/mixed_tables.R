# Tables of cox_mixed() by the fast engine.
mixed_fast <- function(data, chosen, strata, ties, conf, terms, profile = TRUE, cluster = "", zph = "identity") {
  rows <- mixed_rows(data, chosen$fixed, chosen$random, strata)
  object <- search_mixed(rows, ties)
  again <- search_mixed(rows, ties, 0.3)
  fits <- list(object, again)
  best <- fits[[which.max(c(object$integrated, again$integrated))]]
  agree <- best$settled && abs(object$integrated - again$integrated) < 0.05
  variances <- fast_variances(rows, best, fits, agree)
  profiled <- profile_fast(data, rows, chosen, strata, ties, conf, best, if (profile) 60 else 0)
  variances <- cbind(variances[1:5], profiled$table, variances[6:7])
  under <- function(ties) search_mixed(rows, ties, pmax(best$variance, 0.01))$variance
  variances <- with_its_ground(variances, data, ties, if (profile) under)
  names <- colnames(rows$x)
  estimate <- stats::setNames(best$beta, names)
  se <- stats::setNames(sqrt(diag(best$factor$beta_variance)), names)
  df <- length(estimate) + length(rows$codes)
  result <- mixed_result(
    data, chosen, strata, ties, conf, terms, variances, agree, estimate = estimate, se = se,
    random_effects = fast_random_rows(rows, best, conf), notes = c(profiled$notes, attr(variances, "note")),
    fit = list(iterations = best$evaluations, loglik = best$integrated, loglik_null = null_loglik(data, strata, ties),
               df = df, engine = "fast (Laplace)"),
    cluster = cluster, zph = zph
  )
  do.call(new_fit, c(list(object = best), result))
}

fast_variances <- function(rows, best, fits, agree) {
  variance <- best$variance
  spread <- do.call(pmax, lapply(fits, function(fit) abs(fit$variance - variance)))
  boundary <- variance < 1e-3
  uncertain <- spread > 0.1 * variance + 1e-3 | !agree
  verdict <- ifelse(uncertain, "uncertain: different start values end at different variances", "start values agree")
  verdict[boundary] <- "at its lower boundary: no variation between levels is visible"
  data.frame(grouping = names(rows$codes), levels = unname(rows$levels), variance = variance, sd = sqrt(variance),
             median_hr = exp(sqrt(2 * variance) * stats::qnorm(0.75)), boundary = boundary,
             verdict = few_levels(verdict, rows$levels), row.names = NULL)
}

# Seconds of one evaluation, from its times on one core: patterns of rows, and the factor of what is left dense. Not
# measured on the fit itself, as with coxme_seconds().
evaluation_seconds <- function(rows) {
  largest <- max(rows$levels)
  evaluation_cost(length(rows$count), sum(rows$levels) - largest + 2 * length(rows$times) + ncol(rows$x), largest)
}

evaluation_cost <- function(patterns, dense, largest) 7e-6 * patterns + 1e-9 * dense^2 * (dense / 3 + largest)

# Test and interval of each variance as in profile_variances(); a value of the profile takes about ten evaluations, an
# interval about a dozen values. Neither with no `patience` (in seconds).
profile_fast <- function(data, rows, chosen, strata, ties, conf, best, patience) {
  groupings <- names(rows$codes)
  empty <- data.frame(lower = NA_real_, upper = NA_real_, chisq = NA_real_, p = NA_real_)[rep(1L, length(groupings)), ]
  if (patience <= 0) return(list(table = empty))
  seconds <- 150 * length(groupings) * evaluation_seconds(rows)
  intervals <- seconds < patience
  table <- lapply(seq_along(groupings), function(i) {
    without <- if (length(groupings) > 1L) {
      search_mixed(mixed_rows(data, chosen$fixed, groupings[-i], strata), ties, best$variance[-i])$integrated
    } else {
      fit_cox(data, chosen$fixed, strata, "", ties)$loglik[[2L]]
    }
    row <- c(list(lower = NA_real_, upper = NA_real_), boundary_test(best$integrated, without))
    profile <- function(variance) {
      fixed <- replace(rep(NA_real_, length(groupings)), i, variance)
      search_mixed(rows, ties, best$variance, fixed, best)$integrated
    }
    if (intervals) {
      row[c("lower", "upper")] <- profile_interval(profile, best$variance[[i]], best$integrated, without, conf)
    }
    as.data.frame(row)
  })
  note <- sprintf("no intervals of the variances: they would take about %.0f s", seconds)
  list(table = do.call(rbind, table), notes = note[!intervals])
}

# Predicted effects with the standard errors of the penalised likelihood, those of the coefficients included.
fast_random_rows <- function(rows, best, conf) {
  errors <- lapply(random_variances(best$factor, rows), sqrt)
  made <- lapply(seq_along(rows$codes), function(k) {
    normal_rows(names(rows$codes)[[k]], levels(rows$groups[[k]]), best$b[[k]], errors[[k]], conf)
  })
  do.call(rbind, made)
}

# Diagonal of the inverse information, for the random effects.
random_variances <- function(factor, rows) {
  information <- factor$information
  inverse <- chol2inv(factor$root)
  # Sets in the order of the dense part: the other groupings, then event times and covariates (0).
  set <- rep(c(information$others, 0L, 0L), information$sizes)
  lapply(seq_along(rows$codes), function(k) {
    if (k != information$large) return(diag(inverse)[set == k])
    lifted <- information$border / factor$diagonal
    1 / factor$diagonal + rowSums((lifted %*% inverse) * lifted)
  })
}
