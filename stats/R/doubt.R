#' When a fit is in doubt
#'
#' One rule for every kind of fit. A fit is in doubt, and none of its numbers is a finding by itself, where
#' - there are fewer than five events per coefficient;
#' - a coefficient anywhere in the model ran away (see [is_infinite()]), had no estimate, or is not determined: its
#'   standard error is above 5 per standard deviation (or between two levels), which leaves a factor of e^20 open;
#' - a robust standard error is below a quarter of the model's: the clusters agree by accident, not by number;
#' - there are no more clusters than coefficients, so that the robust variance is singular in some direction;
#' - the search did not converge (which [run_fit()] adds).
#'
#' One coefficient without a hold spoils the others too: they are estimates beside whatever it ended at.
#'
#' @param data data.frame with `event`, and the column `cluster`.
#' @param terms see [describe_terms()].
#' @param coefficients the rows of the table `coefficients` that belong to `terms`.
#' @param cluster column whose rows were taken together, or `""`.
#' @param events number of events.
#' @return Character, in plain words; nothing where there is no doubt.
#' @references Vittinghoff and McCulloch (2007), American Journal of Epidemiology 165:710 (five events per coefficient).
#'   Heinze and Schemper (2001), Biometrics 57:114 (runaway coefficients). Cameron and Miller (2015), Journal of Human
#'   Resources 50:317, VI (few clusters).
#' @export
doubts <- function(data, terms, coefficients, cluster = "", events = sum(data$event)) {
  c(separation_remarks(data, terms, coefficients$infinite), few_events_remark(events, nrow(coefficients)),
    undetermined_remark(terms, coefficients), small_robust_remark(coefficients),
    singular_remark(data, cluster, nrow(coefficients)))
}

#' @rdname doubts
#' @details `is_infinite()`: a separated coefficient runs away until the likelihood stops growing, or the iterations
#'   do: a hazard ratio of more than e^5 over the range of its covariate, with a standard error many times its size, or
#'   of zero where the information matrix is singular to R (coxme; its p would be 0). The model-based standard error
#'   shows it; the robust one does not. Where what little a covariate varies besides decides where it ends, that error
#'   is of the estimate's own size: more than e^5 per standard deviation (or between two levels), yet not to be told
#'   from 1, is flat as well; and more than e^10 is no hazard ratio, whatever its error.
#'   Where several coefficients run away together, the likelihood can stop growing while one of them is still small: a
#'   standard error of more than 100 over the range is no estimate either.
#' @param estimate,se numeric, one value per coefficient (model-based standard errors).
#' @param range,spread largest minus smallest value of each covariate, and its standard deviation; 1 for levels.
#' @export
is_infinite <- function(estimate, se, range, spread = range) {
  size <- abs(estimate)
  flat <- (size * range > 5 & (se > 5 * size | se == 0)) | (size * spread > 5 & se > size / 2)
  runaway <- flat | size * spread > 10 | is.infinite(estimate)
  runaway <- !is.na(runaway) & runaway
  runaway | (any(runaway) & !is.na(se) & se * range > 100)
}

# Levels in which nothing happened: known before any fit, and the usual cause of separation.
eventless_levels <- function(data, terms) {
  said <- lapply(unique(terms$column[nzchar(terms$level)]), function(column) {
    value <- factor(data[[column]])
    events <- tapply(data$event, value, sum)
    none <- which(events == 0)
    reference <- terms$reference[terms$column == column][[1L]]
    words <- sprintf("no event among the %d rows with %s = %s", tabulate(value)[none], column, levels(value)[none])
    chosen <- levels(value)[none] == reference
    words[chosen] <- paste0(words[chosen], " (the reference level: choose another one)")
    words
  })
  as.character(unlist(said))
}

# What to say about coefficients without a finite value.
separation_remarks <- function(data, terms, infinite) {
  if (!any(infinite)) return(character())
  paste0(
    "separation: the hazard ratio of ", toString(unique(terms$term[infinite])), " has no finite estimate",
    paste0(" (", eventless_levels(data, terms), ")", recycle0 = TRUE, collapse = ""),
    ". The penalised (Firth) model beside it has a finite one"
  )
}

few_events_remark <- function(events, coefficients) {
  if (coefficients == 0L || events / coefficients >= 5) return(character())
  paste0(events_for(events, coefficients), ": estimates are unstable below 5 events per coefficient")
}

events_for <- function(events, coefficients) {
  sprintf("%d %s for %d %s", events, ngettext(events, "event", "events"), coefficients,
          ngettext(coefficients, "coefficient", "coefficients"))
}

undetermined_remark <- function(terms, coefficients) {
  open <- !coefficients$infinite & (is.na(coefficients$estimate) | is.na(coefficients$se) |
                                      coefficients$se * terms$spread > 5)
  sprintf("the data do not determine the hazard ratio of %s", toString(unique(terms$term[open])))[any(open)]
}

small_robust_remark <- function(coefficients, far = 0.25) {
  ratio <- coefficients$se_robust / coefficients$se
  small <- which(ratio < far)
  if (!length(small)) return(character())
  sprintf("the robust standard error of %s is %.2g of the model's: it comes from too few clusters to be believed",
          toString(coefficients$term[small]), min(ratio[small]))
}

singular_remark <- function(data, cluster, coefficients) {
  if (!nzchar(cluster) || coefficients == 0L) return(character())
  groups <- n_distinct(data[[cluster]])
  if (groups > coefficients) return(character())
  sprintf("%d clusters (%s) for %d coefficients: robust standard errors need more clusters than coefficients", groups,
          cluster, coefficients)
}

# Of a fit inside captured().
doubt_in <- function(fit) c(fit$value$doubt, "the fit did not converge"[isFALSE(fit$value$fit$converged)])
