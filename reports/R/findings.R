# Which tests count as findings: corrected for their number, set beside other explanations, and without the few facts
# that they may hang on.

#' The tests of proportional hazards of the predictors, one by one, with p corrected for their number (Holm) and, where
#' a model with random effects was tested as well, p given those (`p_given`, of the model `given`). Tests of a model in
#' doubt are none.
zph_findings <- function(results, outcome) {
  d <- pick(results$zph_tests, outcome = outcome, rule = results$rule, model = "cox")
  d <- d[as.character(d$transform) %in% c(as.character(d$transform)[1], NA), , drop = FALSE]
  sound <- rep(!doubted(results, outcome, "cox"), nrow(d))
  d <- d[as.character(d$term) != "GLOBAL" & !is.na(d$p) & sound, , drop = FALSE]
  d$p_holm <- stats::p.adjust(d$p, "holm")
  d$p_given <- rep(NA_real_, nrow(d))
  d$given <- rep("", nrow(d))
  for (model in c("frailty-gamma", "coxme", "frailty-fact")) { # the last one found counts: facts come before groups
    x <- sound(pick(results$zph_tests, outcome = outcome, rule = results$rule, model = model))
    at <- match(as.character(d$term), as.character(x$term))
    found <- !is.na(at) & !is.na(x$p[at]) & !doubted(results, outcome, model)
    d$p_given[found] <- x$p[at][found]
    d$given[found] <- model
  }
  d
}

#' The terms whose ratio is found to change with time, of the others or of all.
changing_terms <- function(results, outcome) {
  d <- zph_findings(results, outcome)
  d[d$p_holm < 0.05, , drop = FALSE]
}

given_words <- c("frailty-fact" = "a frailty of facts", coxme = "the random effects",
  "frailty-gamma" = "a gamma frailty")

#' A test that fails, and does not given a frailty: what that means before anything is said to change.
say_frailty_instead <- function(results, outcome, term) {
  d <- changing_terms(results, outcome)
  d <- d[as.character(d$term) %in% c(as.character(term), column_of(term)) & d$p_given >= 0.05 & !is.na(d$p_given), ]
  if (!nrow(d)) return("")
  paste0(" **It need not be the effect that changes:** given ", given_words[[d$given[1]]], " the same test has ",
    fmt_p(d$p_given[1]), " (without, ", fmt_p(d$p[1]), "). Where facts differ beyond their predictors, the fast ones ",
    "are gone first and the ratio among those left fades by itself, while that of any one fact stays what it was; ",
    "these data do not tell the two apart.")
}

#' A finding that is none without the two facts that it rests on most.
#' @param aspect "facts": the hazard ratio; "zph": its change with time.
say_hangs <- function(results, outcome, term, aspect = "facts") {
  d <- pick(results$influence, outcome = outcome, rule = results$rule, aspect = aspect)
  d <- d[as.character(d$term) %in% c(as.character(term), column_of(term)), , drop = FALSE]
  if (!nrow(d)) return("")
  d <- d[order(d$rank), ]
  if (is.na(d$p[1]) || d$p[1] < 0.05) return("")
  names <- list_words(paste0("\u201c", md(fact_name(results, as.character(d$unit))), "\u201d"))
  if (aspect == "zph") {
    return(paste0(" **This hangs on ", fmt_n(nrow(d)), " facts:** without ", names, " the test has ", fmt_p(d$p[1]),
      "."))
  }
  paste0(" **This hangs on ", fmt_n(nrow(d)), " facts:** without ", names, " the ratio is ",
    fmt_hr(d$hr_without[1], d$lower[1], d$upper[1]), ", ", fmt_p(d$p[1]), ".")
}

#' The ratio of latent knowledge by the exact chance of a hit, without the luck of drawing; no row where there is none.
undrawn <- function(results, outcome) {
  d <- pick(sound(results$latent_definitions), outcome = outcome, rule = results$rule)
  k <- as.numeric(study_value(results, c("probe", "samples"), NA))
  d <- d[as.character(d$definition) == "half" & is.na(d$temperature) & d$samples %in% k, ]
  utils::head(d[!d$infinite %in% TRUE & is.finite(d$hr) & is.finite(d$lower), ], 1)
}

#' Beside the headline of the drawn latent label: the ratio without the luck of drawing, and what it compares.
say_undrawn <- function(results, outcome) {
  half <- undrawn(results, outcome)
  if (!nrow(half)) return("")
  k <- as.numeric(study_value(results, c("probe", "samples"), NA))
  d <- pick(sound(results$latent_definitions), outcome = outcome, rule = results$rule)
  drawn <- utils::head(d[as.character(d$definition) == "drawn", ], 1)
  paste0(" That label is drawn (", fmt_n(k), " samples), and its luck pulls the ratio towards 1", say_redrawn(results),
    ". Without it, calling latent the facts of which a hit in ", fmt_n(k), " samples is at least as likely as not (",
    fmt_percent(half$share, 0), " of them", if (nrow(drawn)) paste0("; the draw calls ", fmt_percent(drawn$share, 0)),
    "), the ratio is **", fmt_hr(half$hr, half$lower, half$upper), "**, of not quite the same facts.")
}

#' What a variance rests on (`d`: one row of the table): where most levels of a random effect have one event or none,
#' only the others tell how levels differ; and how ties are handled takes a part of it.
say_ground <- function(results, d) {
  few <- d$levels_two %in% 0:floor(d$levels / 2)
  other <- other_ties(results, d)
  moved <- is.finite(d$variance_other) & abs(d$variance_other - d$variance) > pmax(0.25 * d$variance, 0.01)
  paste0("", if (few) paste0("**Only ", fmt_n(d$levels_two), " of ", fmt_n(d$levels), " levels have two events or ",
    "more**; the variance rests on these. "), if (few || moved) paste0("With ", other, " treatment of ties it is ",
    fmt_number(d$variance_other), " (here ", fmt_number(d$variance), ")", if (moved) ": take it with caution", ". "))
}

#' Whose treatment of ties stands beside that of a fit.
other_ties <- function(results, d) {
  used <- results$fits$ties[match(as.character(d$task), as.character(results$fits$task))]
  ifelse(used %in% "breslow", "Efron\u2019s", "Breslow\u2019s")
}

# How often two runs of one fact disagree about the label that both draw from the same model.
say_redrawn <- function(results) {
  d <- results$baseline
  if (!nrow(d) || length(unique(as.character(d$run))) < 2) return("")
  d <- d[!d$recalled %in% TRUE, ]
  yes <- tapply(d$latent, as.character(d$fact_id), sum)
  n <- tapply(d$latent, as.character(d$fact_id), length)
  several <- which(n > 1)
  if (!length(several)) return("")
  differ <- mean(2 * yes[several] * (n[several] - yes[several]) / (n[several] * (n[several] - 1)))
  paste0(" (", fmt_percent(differ, 0), " of the labels differ between two runs)")
}
