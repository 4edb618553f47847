# Tasks about what follows from facts, under every rule where they are cheap: when an implication comes to be known
# after its fact. The clock of `implied` starts with the fact's own event; that of `implied-entry` with training, and an
# implication enters when its fact is known. Names (or other clusters), cities (strata) and runs are those of the plan.
implied_tasks <- function(plan, several_arms) {
  by <- if (several_arms) "arm" else character()
  task <- function(outcome, rule, model, fn, args, suffix = "", table = "implied") {
    new_task(outcome, rule, model, fn, args, suffix, table)
  }
  shared <- c(list(covariates = by), plan[c("strata", "cluster", "ties", "standardise", "conf")])
  found <- list()
  for (rule in if ("implied" %in% plan$comparisons) plan$rules) {
    primary <- rule == plan$rules[[1L]]
    found <- c(found, lapply(c(if (primary) "", by), function(by) {
      task("implied", rule, "km", "km_curves", list(by = by, cluster = plan$cluster, conf = plan$conf), by)
    }))
    if (!several_arms) next
    found <- c(found, list(
      task("implied", rule, "cox", "cox_tested", c(shared, plan["zph"])),
      task("implied-entry", rule, "cox", "cox_tested", c(shared, plan["zph"]))
    ))
    if (!primary) next
    random <- c(shared, list(random = union("run", plan$random), horizon = plan$horizon), plan["mixed_engine"])
    found <- c(found, list(
      task("implied", rule, "cox-firth", "cox_firth", shared),
      task("implied", rule, "implied-arms", "compare_arms", random)
    ))
  }
  if (!"implied_states" %in% plan$comparisons) return(found)
  args <- c(shared, list(by = by), plan["horizon"])
  c(found, list(task("implied-states", plan$rules[[1L]], "multi-state", "multi_state", args, table = "implied_states")))
}
