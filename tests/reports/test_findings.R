# Rscript test_findings.R FOLDER: what counts as a finding, and what is a headline, from tables made by hand.
folder <- commandArgs(trailingOnly = TRUE)[1]
for (file in Sys.glob(file.path(folder, "../../stats/R/plot_*.R"))) source(file, encoding = "UTF-8")
for (file in list.files(folder, pattern = "\\.R$", full.names = TRUE)) source(file, encoding = "UTF-8")
says <- function(text, part) {
  if (!grepl(part, gsub("\u00a0", " ", text), fixed = TRUE)) stop("no \u201c", part, "\u201d in: ", text, call. = FALSE)
}
silent <- function(text, part) {
  if (grepl(part, text, fixed = TRUE)) stop("\u201c", part, "\u201d in: ", text, call. = FALSE)
}

head <- list(outcome = "acquisition", rule = "first")
fit <- function(model, doubt = "", events = 14L) {
  data.frame(head, model = model, status = "ok", doubt = doubt, events = events, concordance = 0.7)
}
ratio <- function(model, hr, lower, upper, p, term = "latent") {
  data.frame(head, model = model, term = term, unit = "yes vs no", estimate = log(hr), se = 0.2, se_robust = NA,
    hr = hr,
    lower = lower, upper = upper, p = p, infinite = FALSE)
}
nothing <- data.frame()
base <- list(rule = "first", time = "epoch", outcomes = "acquisition", facts = nothing,
  zph_periods = data.frame(outcome = character(), period = integer(), hr = numeric(), lower = numeric(),
    upper = numeric()),
  zph_tests = nothing, influence = nothing, latent_definitions = nothing, baseline = nothing,
  transition_coefficients = nothing, study = list(probe = list(samples = 20)), manifest = list())
few <- "14 events for 6 coefficients: estimates are unstable below 5 events per coefficient"

# 163 times as likely by the Cox model; the penalised one points the other way.
results <- c(base, list(fits = rbind(fit("cox", few), fit("cox-firth")),
  coefficients = rbind(ratio("cox", 163, 39, 676, 1e-9), ratio("cox-firth", 0.83, 0.17, 3.9, 0.81))))
said <- say_effect(results, "acquisition")
silent(said, "163")
says(said, "is in doubt (14 events for 6 coefficients)")
says(said, "Firth\u2019s penalty")
says(said, "**0.83 (95 % interval 0.17 to 3.90)**, p = 0.81")
says(caveat_doubt(results, "acquisition"), "Cox model (14 events for 6 coefficients)")
if (nzchar(caveat_events(results, "acquisition"))) stop("few events are said twice")

# On the first screen a fit in doubt gives no number, whatever stands beside it.
told <- function(results) {
  best <- headline_of(results, "acquisition", c("cox", "cox-firth"), function(model) {
    main_effect(results, "acquisition", model = model, doubtful = TRUE)
  })
  finding_effect(results, "acquisition", best)
}
says(told(results), "is not settled")
clear <- results
clear$coefficients <- rbind(ratio("cox", 163, 39, 676, 1e-9), ratio("cox-firth", 0.4, 0.2, 0.8, 0.01))
says(told(clear), "was less likely to be learned than one that it could not, as far as so few events can say")
for (digit in 0:9) silent(told(clear), as.character(digit))

# The penalised one in doubt as well: no number at all.
results$fits <- rbind(fit("cox", few),
  fit("cox-firth", "3 events for 5 coefficients: the penalty says more than the data"))
said <- say_effect(results, "acquisition")
says(said, "Too few events to say")
silent(said, "0.83")
says(told(results), "Too few events to say what latent knowledge does to it")
results$coefficients <- rbind(ratio("cox-history", 9, 2, 40, 0.001, "margin_now"))
results$fits <- rbind(fit("cox"), fit("cox-history", few))
said <- say_foretell(results, "acquisition")
says(said, "Too few events to say")
silent(said, "9.00")

# A change with time that a frailty of facts explains; three predictors are tested.
zph <- function(model, p) {
  data.frame(head, model = model, term = c("latent", "x", "y"), chisq = 4, df = 1, p = p, transform = "identity")
}
sure <- c(base[setdiff(names(base), "zph_tests")], list(fits = rbind(fit("cox"), fit("frailty-fact")),
  coefficients = ratio("cox", 2, 1.5, 2.7, 1e-4),
  zph_tests = rbind(zph("cox", c(0.001, 0.02, 0.03)), zph("frailty-fact", c(0.55, 0.02, 0.03)))))
said <- say_zph(sure, "acquisition")
says(said, "p = 0.001; corrected for 3 predictors tested, p = 0.003")
says(said, "It need not be the effect that changes:** given a frailty of facts the same test has p = 0.55")
says(said, "It also changes")
says(told(sure),
  "**2.00 times** (1.50 to 2.70) as likely to be learned as one that it could not on average, not at every")
says(told(sure), "It need not be the effect that changes")
sure$zph_periods <- data.frame(head, model = "cox", term = "latent", period = c(1L, 3L), hr = c(5.36, 0.85),
  lower = c(3.2, 0.28), upper = c(8.97, 2.54), from = c(0, 6), to = c(3, 10))
says(told(sure), "in the first third of the events **5.36 times** (3.20 to 8.97)")
says(told(sure), "in the last third no difference is shown")
sure$zph_periods[c("hr", "lower", "upper")] <- list(c(1.03, 1.9), c(0.75, 1.2), c(1.41, 3)) # shown late only
says(told(sure), "in the last third of the events **1.90 times** (1.20 to 3.00)")
says(told(sure), "in the first third no difference is shown")
sure$zph_periods[2, c("hr", "lower", "upper")] <- c(766, 42, 13970) # of no size
silent(told(sure), "third")
sure$zph_periods[2, c("hr", "lower", "upper")] <- c(1.9, 0.9, 3) # nowhere
says(told(sure), "on average, not at every time")
sure$zph_periods <- base$zph_periods
says(say_effect(sure, "acquisition"), "given a frailty of facts the same test has p = 0.55")
sure$zph_tests <- zph("cox", c(0.02, 0.6, 0.7)) # 0.06 as one of three
says(say_zph(sure, "acquisition"), "no evidence")
silent(say_effect(sure, "acquisition"), "changes with time")
if (nzchar(caveat_hazards(sure))) stop("one test of three is no finding at p = 0.02")

# The label without the luck of drawing it, and what it compares.
sure$latent_definitions <- data.frame(head, definition = c("drawn", "half", "half"), samples = c(NA, 5, 20),
  temperature = NA, share = c(0.3, 0.1, 0.2), hr = c(2, 8, 6.67), lower = c(1.5, 4, 3.8), upper = c(2.7, 16, 11.7),
  infinite = FALSE, doubt = "")
sure$baseline <- data.frame(run = rep(c("a", "b"), each = 4), fact_id = rep(1:4, 2), recalled = FALSE,
  latent = c(TRUE, TRUE, FALSE, FALSE, TRUE, FALSE, FALSE, FALSE))
said <- say_effect(sure, "acquisition")
says(said, "its luck pulls the ratio towards 1 (25 % of the labels differ between two runs)")
says(said, "the ratio is **6.67 (3.80\u201312)**")
says(told(sure), "without the luck of drawing that label **6.67 times**")
says(said, "not quite the same facts")

# A finding that rests on two facts.
sure$influence <- data.frame(head, model = "influence", aspect = "facts", term = "latent",
  unit = c("radon", "actinium"),
  value = 1.5, hr_without = 1.3, lower = 0.9, upper = 1.9, p = 0.15, rank = 1:2)
says(say_effect(sure, "acquisition"),
  "hangs on 2 facts:** without \u201cradon\u201d and \u201cactinium\u201d the ratio is 1.30")
says(told(sure), "Without the few facts that move it most, this is not settled.")
# 313 families, of which 248 are single; the variance is another one with Breslow's ties.
sure$fits <- data.frame(task = "families", ties = "efron")
family <- data.frame(task = "families", levels = 313L, levels_two = 65L, variance = 1.51, variance_other = 0.62)
says(say_ground(sure, family), "Only 65 of 313 levels have two events or more")
says(say_ground(sure, family), "With Breslow\u2019s treatment of ties it is 0.62 (here 1.51): take it with caution")
settled <- transform(family, levels_two = 200L, variance_other = 1.5)
if (nzchar(say_ground(sure, settled))) stop("most families have two events, and the variance is the same")
cat("all as expected\n")

# Counts: a gain has three decimals and no minus before a zero; without a ratio nothing is followed.
step <- function(step, hr, added, lower, upper, p) {
  data.frame(outcome = "acquisition", rule = "first", step = step, term = "smi", unit = "", hr = hr, lower = NA,
    upper = NA, concordance = 0.9, gain_lower = -0.0063, gain_upper = 0.0118, added = added, added_lower = lower,
    added_upper = upper, p = p)
}
counted <- rbind(step("subject and object", NA, NA, NA, NA, NA), step("and both", NA, 0.005, -0.0063, 0.0118, 0.001),
  step("and SMI", NA, -0.0004, -0.0037, 0.0011, 0.052))
said <- say_mediation(list(rule = "first", mediation = counted))
says(said, "0.900 with counts of subject and object to 0.900 (gain \u22120.006 to 0.012)")
says(said, "SMI beside them adds 0.000 (\u22120.004 to 0.001), likelihood ratio test p = 0.052")
silent(said, "hazard ratio")
