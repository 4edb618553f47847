#' Schoenfeld tests of a fit with random effects
#'
#' `survival::cox.zph()` prints a GLOBAL row on the penalised degrees of freedom for a `frailty()` fit (p = 1.00 where
#' the tested coefficient alone has p = 0.07) and stops on a `coxme` fit. Here the predicted random effects enter a Cox
#' model as an offset, the coefficients stay where the fit left them (no iteration), and that model is tested: as many
#' degrees of freedom as there are tested coefficients, whatever the fit's engine was. The random effects count as
#' known, as in the scores of the penalised likelihood itself.
#'
#' @inheritParams cox
#' @param terms see [describe_terms()]; one row for each coefficient of `estimate`.
#' @param estimate named numeric, the fixed effects as the fit has them.
#' @param random_effects data.frame with `grouping`, `level`, `estimate`, as in `docs/tables.md`.
#' @return A list: `zph_tests` (NULL where there is no test), `remarks` (plain words: why there is none).
#' @references Grambsch and Therneau (1994), Biometrika 81:515. Therneau and Grambsch (2000), Modeling Survival Data,
#'   9.6 (random effects as an offset).
#' @export
zph_given_random <- function(data, covariates, strata, ties, terms, estimate, random_effects, zph = "identity") {
  none <- function(why) list(zph_tests = NULL, remarks = paste0("no Schoenfeld test given the random effects: ", why))
  if (!length(covariates)) return(list(zph_tests = NULL, remarks = character()))
  if (length(unique(times_of_events(data))) < 2L) return(none("all events are at one time"))
  if (any(!is.finite(estimate))) return(none("a coefficient has no finite estimate"))
  tested <- captured({
    given <- fit_offset(data, covariates, strata, ties, estimate, random_effects)
    zph_tables(given, terms, transform = zph)$zph_tests
  })
  if (nzchar(tested$error)) return(none(tested$error))
  list(zph_tests = tested$value, remarks = character())
}

#' @rdname zph_given_random
#' @details `fit_offset()` is the Cox model that is tested.
#' @export
fit_offset <- function(data, covariates, strata, ties, estimate, random_effects) {
  fit_cox(data, covariates, strata, "", ties, init = estimate, offset = random_offset(data, random_effects),
          control = survival::coxph.control(iter.max = 0L))
}

# Sum over the groupings of each row's predicted random effect.
random_offset <- function(data, random_effects) {
  groupings <- split(random_effects, random_effects$grouping)
  Reduce(`+`, lapply(names(groupings), function(grouping) {
    rows <- groupings[[grouping]]
    rows$estimate[match(as.character(data[[grouping]]), as.character(rows$level))]
  }))
}
