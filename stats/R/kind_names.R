# What people call a model, and what it is called here: for the message about a kind that there is not.
other_kind_names <- function() {
  means <- function(names, meant) stats::setNames(rep(meant, length(names)), names)
  curves <- "no model: curves are split by analysis.curves_by, and that of all together is always drawn"
  c(
    means(c("coxph", "cox-ph", "ph", "proportional-hazards", "phreg", "cph", "cox-univariable"), "kind = \"cox\""),
    means(c("coxme", "cox-mixed", "coxmixed", "mixed", "mixed-effects", "mixed-model", "random", "random-effects",
            "random-intercept", "me", "lmer", "gaussian-frailty", "frailty-gaussian", "frailty-fact"),
          "kind = \"frailty\" with (1 | group) in the formula, engine = \"coxme\", \"fast\", \"gamma\", \"gaussian\""),
    means(c("gamma", "frailty-gamma", "gamma-frailty", "shared-frailty"),
          "kind = \"frailty\" with (1 | group) in the formula and engine = \"gamma\""),
    means(c("cox-stratified", "stratified"), "kind = \"cox\" with strata(x) in the formula, or the key strata"),
    means(c("cox-split", "time-varying", "tt", "time-dependent"),
          "kind = \"cox\" with the key time_varying, and split or tt"),
    means(c("pspline", "gam", "spline", "splines"), "kind = \"cox\" with pspline(x) or ns(x, df = 3) in the formula"),
    means(c("exact", "clogit", "conditional-logistic"), "kind = \"cox\" with ties = \"exact\", or kind = \"logit\""),
    means(c("km", "kaplan-meier", "survfit", "curve", "curves", "kmf", "nelson-aalen", "incidence", "cuminc"), curves),
    means(c("turnbull", "npmle"), paste0(curves, "; Turnbull's where the probes are sparse or not shared")),
    means(c("rmst", "restricted-mean", "restricted-means", "log-rank", "logrank", "survdiff", "score", "test"),
          "no model: restricted means and the log-rank (score) test come with analysis.curves_by"),
    means(c("aj", "aalen-johansen", "multistate", "msm", "mstate", "states", "coxphms", "markov"),
          "kind = \"multi-state\", or \"competing-risks\" where the first event precludes the others"),
    means(c("fine-gray", "finegray", "fg", "crr", "subdistribution", "cause-specific", "competing", "competingrisks",
            "cmprsk"), "kind = \"competing-risks\""),
    means(c("ag", "recurrent", "recurrent-events", "repeated", "repeated-events"),
          "kind = \"andersen-gill\", or \"pwp\" by the number of the event"),
    means(c("pwp-tt", "pwp-gt", "pwp-gap", "gap", "gap-time", "prentice-williams-peterson"),
          "kind = \"pwp\" with clock = \"total\" or \"gap\""),
    means(c("weibull", "lognormal", "loglogistic", "survreg", "parametric", "accelerated-failure-time"),
          "kind = \"aft\"; distributions = [\"weibull\", \"lognormal\", \"loglogistic\"]"),
    means(c("interval-censored", "ic", "icenreg", "interval-ph"), "kind = \"interval\""),
    means(c("penalised", "penalized", "coxphf", "cox-firth"), "kind = \"firth\""),
    means(c("grouped", "grouped-time", "discrete", "discrete-time", "person-period", "glm"),
          "kind = \"cloglog\" (hazard ratios) or \"logit\" (odds ratios)"),
    means(c("logistic", "proportional-odds", "discrete-logit", "discrete-logistic", "po", "odds"), "kind = \"logit\"")
  )
}

# How to go on from a kind that there is not.
meant_kind <- function(name, kinds) {
  plain <- gsub("[^a-z]+", "-", tolower(name))
  meant <- other_kind_names()[plain]
  if (is.na(meant)) sprintf("the nearest is '%s'", nearest(name, kinds)) else paste("here it is", unname(meant))
}
