# Captions of a named model's tables and figures, with the level of its intervals.

cap_model <- function(results, task, part) {
  sub("%s", interval_of(results, task), model_captions[[part]], fixed = TRUE)
}

model_captions <- c(
  coefficients = paste0(
    "Hazard ratios with %ss. A product (*) shows by which factor one hazard ratio changes with the other ",
    "predictor; the parts of a curve say nothing one by one."
  ),
  aft = paste0(
    "Accelerated failure time models: time ratios with %ss (below 1 the event comes earlier), and for ",
    "Weibull the hazard ratio. The smallest AIC fits best."
  ),
  marginal = "Hazard ratios within a group (conditional) and over all groups mixed (marginal), with %ss.",
  periods = paste0(
    "Hazard ratios by period, with %ss, from a Cox model on rows split at the ends of the periods. ",
    "Compare them: if they differ, one number for all times hides it."
  ),
  transitions = paste0(
    "Hazard ratios of each transition with %ss; of competing events also those of the share that ends in ",
    "it (Fine and Gray)."
  ),
  curves = paste0(
    "Hazard ratio: over time, for a predictor whose effect may change; over",
    " a predictor's values, relative to the average fact or (\"vs\") of one group against another there. The dark ",
    "band is pointwise (%s): for a value chosen beforehand. The light band holds the whole curve at once, at the same ",
    "level: for values picked from the figure. Where it contains 1 throughout, the data ",
    "show none, which is not to say that there is none: it may be as large as the band is wide. The panels end at ",
    "0.05 and 20, and a curve that leaves one goes on."
  ),
  zph = paste0(
    "Scaled Schoenfeld residuals: a point per event, the smoothed log hazard ratio with its band (%s), and ",
    "the model's constant value (dashed). Where the smooth is not level, one ratio is an average: split it ",
    "(time_varying)."
  ),
  groups = paste0(
    "Levels of the random effects ranked: hazard relative to the typical one, beyond the predictors, with",
    " %ss given the variances. The effects are shrunk towards 1. Of many levels the ten lowest and the ",
    "ten highest; an arrow goes on beyond the axis. Look at those whose interval excludes 1 for ",
    "what the predictors miss."
  )
)
