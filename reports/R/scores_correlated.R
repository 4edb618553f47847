# Informative against downstream scores: does what was learned sit where it is used?

correlated_scores <- function(results) pick(results$score_correlations, rule = results$rule, model = "localisation")

say_correlated <- function(results) {
  d <- correlated_scores(results)
  d <- d[d$informative == d$downstream & is.finite(d$lower), , drop = FALSE]
  if (!nrow(d)) return("")
  part <- c(mlp = "MLPs", attention = "attention heads")[as.character(d$component)]
  said <- paste0(part, " **", fmt_number(d$r2, 2), "** (", fmt_number(d$r2_lower, 2), " to ", fmt_number(d$r2_upper, 2),
    "; ", md(as.character(d$informative)), ", ", md(as.character(d$relation)), ")")
  paste0("Where informative scores are high, downstream ones ", if (all(d$lower > 0)) "are, too" else "need not be",
    ": r\u00b2 over components and tokens is ", list_words(said), ". The paper has .49 for MLPs and .28 for heads, ",
    "between its graft and other names.")
}

table_correlated <- function(results) {
  d <- correlated_scores(results)
  md_table(data.frame(Relation = as.character(d$relation), Component = as.character(d$component),
    Informative = as.character(d$informative), Downstream = as.character(d$downstream), Places = fmt_n(d$cells),
    Facts = fmt_n(d$facts), Runs = fmt_n(d$runs),
    "Correlation (95 % interval)" = rank_interval(d),
    "r\u00b2" = fmt_number(d$r2, 2), check.names = FALSE), "llllrrrrr")
}
