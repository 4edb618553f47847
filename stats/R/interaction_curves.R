# A product of a factor and a number (or a basis of one) as curves: each level against the reference, over the values of
# the number that occur at this level. The columns of a row at the level are the contrast itself, since all of them are
# zero at the reference.
interaction_curves <- function(object, data, terms, frame, conf) {
  factors <- attr(frame$terms, "factors")
  used <- lapply(colnames(factors), function(label) rownames(factors)[factors[, label] > 0])
  rows <- lapply(which(lengths(used) == 2L), function(i) {
    parts <- lapply(used[[i]], str2lang)
    grouping <- vapply(parts, function(part) is.name(part) && in_groups(data[[as.character(part)]]), TRUE)
    number <- unlist(lapply(parts[!grouping], all.vars))
    # Where the factor is in further products the difference has no single curve.
    if (sum(grouping) != 1L || length(number) != 1L || sum(unlist(used) == used[[i]][grouping]) > 2L) return(NULL)
    column <- as.character(parts[[which(grouping)]])
    blocks <- plain_term(c(used[[i]][grouping], colnames(factors)[[i]]))
    curves_of_levels(object, data, terms[terms$block %in% blocks, ], column, number, frame, conf)
  })
  do.call(rbind, rows)
}

in_groups <- function(value) is.factor(value) || is.logical(value)

curves_of_levels <- function(object, data, own, column, number, frame, conf) {
  estimate <- stats::coef(object)
  at <- match(own$coefficient, names(estimate))
  if (!nrow(own) || anyNA(at) || anyNA(estimate[at])) return(NULL)
  main <- own[own$column == column, ]
  rows <- lapply(seq_len(nrow(main)), function(k) {
    here <- which(as.character(data[[column]]) == main$level[[k]])
    basis <- vapply(seq_len(nrow(own)), function(j) {
      if (own$column[[j]] == column) return(rep(as.numeric(own$level[[j]] == main$level[[k]]), length(here)))
      as.numeric(data[[own$column[[j]]]][here])
    }, numeric(length(here)))
    basis_curve(main$label[[k]], number, unscaled(data, number, frame)[here], matrix(basis, length(here)),
                estimate[at], as.matrix(object$var)[at, at], conf)
  })
  do.call(rbind, rows)
}
