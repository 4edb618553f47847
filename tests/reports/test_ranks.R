# Rscript test_ranks.R FOLDER: what is said and drawn of ranks, of what follows from facts, and of scores.
folder <- commandArgs(trailingOnly = TRUE)[1]
for (file in Sys.glob(file.path(folder, "../../stats/R/plot_*.R"))) source(file, encoding = "UTF-8")
for (file in c("text.R", "words.R", "kinds.R", "results.R", "tables.R", "style.R", "survival.R", "paired.R",
  "popularity.R", "pictures.R", "sentences.R", "doubt.R", "ranks.R", "grafts.R", "implied.R", "scores.R",
  "scores_correlated.R")) {
  source(file.path(folder, file), encoding = "UTF-8")
}
contains <- function(text, ...) {
  for (part in c(...)) if (!grepl(part, text, fixed = TRUE)) stop("no '", part, "' in: ", text, call. = FALSE)
}

row <- function(part, role, set, arm, reference, estimate, lower, upper, stage = "", epoch = 20) {
  data.frame(rule = "first", model = "mean-ranks", part, role, set, stage, epoch, options = 20, reference, facts = 100L,
    runs = 3L, estimate, lower, upper, p = ifelse(nzchar(reference), 0.01, NA),
    relation = ifelse(role == "fact", "city", "animal"), arm = factor(arm, c("late", "early", "none")))
}
ranks <- rbind(
  row("end", "implication", "test", c("late", "early", "none"), "", c(6.5, 1.4, 9), c(6, 1, 8.5), c(7, 1.8, 9.5)),
  row("end", "implication", "test", c("early", "none"), "late", c(-5.1, 2.5), c(-6, -0.2), c(-4.2, 5.2)),
  row("end", "fact", "test", c("late", "early"), "", 0, NA, NA),
  row("curve", "implication", "test", "late", "", c(9, 6.5), c(8, 6), c(10, 7), epoch = c(0, 20)),
  row("stage", "fact", "order", "early", "", c(0, 2.2), c(NA, 1.5), c(NA, 2.9), c("facts", "implications"), c(NA, 0)),
  row("stage", "fact", "order", "late", "", c(9, 0), c(8, NA), c(10, NA), c("implications", "facts"), c(NA, 0))
)
facts <- data.frame(fact_id = 1:2, split = c("trained", "withheld"), order = c(FALSE, TRUE), test = c(TRUE, FALSE))
counts <- data.frame(rule = "first", arm = factor(c("late", "early"), c("late", "early")), run = c("a", "b"),
  implications = 100L, fact_unknown = 0L, before = 2L, at_origin = 0L, at_risk = 98L, events = c(5L, 40L))
paper <- list(arm = "early", relation = "animal", set = "test", rank = 1.4, note = "OLMo-7B")
scores <- data.frame(rule = "first", model = "localisation", relation = "animal", component = "mlp",
  informative = "graft", downstream = "graft", cells = 40L, facts = 20L, runs = 1L, estimate = 0.7, lower = 0.5,
  upper = 0.8, r2 = 0.49)
results <- list(mean_ranks = ranks, facts = facts, implied_counts = counts, rule = "first", time = "epoch",
  study = list(report = list(paper = list(paper))), score_correlations = scores)

contains(say_ranks(results), "guessing gives 9.5", "**5.10 lower** (95 % interval 4.20 to 6.00)",
  "none a difference is not shown at this scale (\u22120.20 to 5.20)",
  "Facts&#58; city &#40;test&#41;**: late 0.00 and early 0.00.")
contains(say_ranks(results, most = 1), "Against late: early **5.10 lower**",
  "none no difference shown")
contains(finding_of_ranks(results), "With early in place of late", "**1.40**, not 6.50")
contains(table_ranks(results), "1&#46;4&#44; OLMo&#45;7B", "\u22125&#46;10")
lost <- say_ranks_lost(results)
contains(lost, "early, facts&#58; city", "0.00 where facts ended, 2.20 (1.50 to 2.90) where implications ended")
stopifnot(!grepl("late, facts", lost), nrow(of_taught(results, ranks_data(results, "end"))) == 7)
stopifnot(inherits(figure_ranks(results), "ggplot"), grepl("from 9.00 to 6.50", alt_ranks(results)))
contains(table_implied_counts(results), "| early | 100 | 0 | 2 | 0 | 98 | 40 |")
results$score_facts <- data.frame(arm = factor("graft"), fact_id = c("a", "b", "c", "a", "b", "c"),
  counterfactuals = c(10L, 7L, 0L), left_out = factor(c("", "", "no other prompt is like its own token by token")))
contains(say_scored_facts(results, "graft"), "with 7 to 10 prompts of another subject",
  "1 of 3 facts (no other prompt is like its own token by token)")
contains(say_correlated(results), "are, too", "MLPs **0.49** (")
cat("all as expected\n")
