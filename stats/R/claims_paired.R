# Quantities of claims about recipes that are compared fact by fact, on withheld facts at the end of training.

paired_quantities <- function() {
  entry <- function(words, value, scale, reads, keys = character(), instrument = NULL) {
    list(words = words, keys = c("by", "group", "reference", keys), needs = c("by", "group", "reference"),
         scale = scale, reads = reads, measured = TRUE, instrument = instrument, value = value)
  }
  list(
    "paired difference of recall" = entry(
      "withheld facts recalled at the end, an arm minus another, paired by fact (level: all, best-known 25 %)",
      claimed_paired_recall, "points", "popularity", "level"
    ),
    "growth of the paired difference of recall" = utils::modifyList(
      entry("the same at the greatest value of a setting of a simulation minus that at the least", claimed_growth,
            "points", "paired", "term"),
      list(needs = c("by", "group", "reference", "term"), settings = TRUE)
    ),
    "paired difference of attention" = entry(
      "change of attention on the subject, an arm minus another, paired by fact, mean of the layers",
      claimed_paired_attention, "number", "paired", instrument = "attention"
    ),
    "paired difference of rank" = entry(
      "mean rank at the end, an arm minus another, paired by fact (level: a relation, or \"relation, set\")",
      claimed_rank, "number", "mean_ranks", "level", instrument = "rank"
    ),
    rank = utils::modifyList(
      entry("mean rank at the end of the facts of a relation, in one arm", claimed_rank, "number", "mean_ranks",
            "level", instrument = "rank"),
      list(keys = c("by", "group", "level"), needs = c("by", "group", "level"))
    )
  )
}

claimed_paired_recall <- function(tables, claim, plan) {
  level <- c(claim$level, "all")[[1L]]
  rows <- paired_pair(tables$popularity, claim)
  part <- paste0(ifelse(rows$part == "top", "best", "least"), "-known ", round(100 * rows$share), " %")
  part[rows$share == 1] <- "all"
  if (!level %in% part) {
    no_estimate(sprintf("there is no part '%s' of the facts; the nearest is '%s'", level, nearest(level, unique(part))))
  }
  paired_value(take_rows(rows, part == level & !duplicated(part)), claim, level)
}

claimed_paired_attention <- function(tables, claim, plan) {
  rows <- claimed_rows(tables$paired, by = "layer", measure = "attention, greatest")
  rows <- paired_pair(rows, claim)
  if (nrow(rows) > 1L) { # of layers of the same facts: as if they erred together, which is wide enough whatever they do
    for (column in c("estimate", "lower", "upper")) rows[[column]] <- mean(rows[[column]])
    rows <- take_rows(rows, 1L)
  }
  paired_value(rows, claim, "change of attention")
}

# Other settings are other runs: their errors are independent (Zou and Donner 2008, Statistics in Medicine 27:1693).
claimed_growth <- function(tables, claim, plan) {
  known <- setdiff(unique(as.character(tables$paired$by)), "layer")
  if (!claim$term %in% known) {
    no_estimate(if (length(known)) sprintf("there is no setting '%s'; the nearest is '%s'", claim$term,
                                           nearest(claim$term, known)) else "no simulation was done at other settings")
  }
  rows <- paired_pair(claimed_rows(tables$paired, by = claim$term, measure = "accuracy"), claim)
  ends <- rows[c(which.min(rows$at), which.max(rows$at)), ]
  growth <- diff(ends$estimate)
  below <- sqrt(sum(c(ends$upper[[1L]] - ends$estimate[[1L]], ends$estimate[[2L]] - ends$lower[[2L]])^2))
  above <- sqrt(sum(c(ends$estimate[[1L]] - ends$lower[[1L]], ends$upper[[2L]] - ends$estimate[[2L]])^2))
  claim_value(growth, growth - below, growth + above,
              sprintf("%s vs %s: %s %g against %g", claim$group, claim$reference, claim$term, ends$at[[2L]],
                      ends$at[[1L]]),
              as.character(ends$model[[1L]]), as.character(ends$task[[1L]]),
              reason = sprintf("%d and %d facts in %d run(s) of each", ends$facts[[2L]], ends$facts[[1L]],
                               min(ends$runs)))
}

# The rows of one recipe less another, turned where the table has them the other way round.
paired_pair <- function(rows, claim) {
  if (claim$by != "arm") no_estimate("facts are paired over recipes only: by = \"arm\"")
  for (arm in c(claim$group, claim$reference)) claim_group(rows$arm, arm, "arm")
  own <- claimed_rows(rows, arm = claim$group, reference = claim$reference)
  if (nrow(own)) return(own)
  own <- claimed_rows(rows, arm = claim$reference, reference = claim$group)
  if (!nrow(own)) no_estimate(sprintf("'%s' and '%s' are not compared", claim$group, claim$reference))
  own[c("estimate", "lower", "upper")] <- -own[c("estimate", "upper", "lower")]
  own
}

paired_value <- function(row, claim, what) {
  claim_value(row$estimate, row$lower, row$upper, sprintf("%s: %s vs %s", what, claim$group, claim$reference),
              as.character(row$model), as.character(row$task),
              reason = sprintf("%d facts in %d run(s) of each", row$facts, row$runs))
}

# Mean ranks at the end by kind of fact: its relation, or relation and set ("animal, test").
claimed_rank <- function(tables, claim, plan) {
  rows <- claimed_rows(tables$mean_ranks, part = "end")
  kind <- ifelse(nzchar(as.character(rows$set)) & !is.na(rows$set), paste0(rows$relation, ", ", rows$set),
                 as.character(rows$relation))
  known <- unique(kind)
  named <- function(kinds) paste0("'", kinds, "'", collapse = " or ")
  if (!length(claim$level)) no_estimate(paste("there are several kinds of facts: set level to", named(known)))
  own <- kind == claim$level | as.character(rows$relation) == claim$level
  if (!any(own)) no_estimate(sprintf("there is no kind '%s'; the nearest is '%s'", claim$level,
                                     nearest(claim$level, known)))
  several <- unique(kind[own])
  if (length(several) > 1L) no_estimate(paste("there are several kinds of these: set level to", named(several)))
  rows <- take_rows(rows, own)
  if (length(claim$reference)) return(paired_value(paired_pair(rows, claim), claim, claim$level))
  if (claim$by != "arm") no_estimate("ranks are told by recipe: by = \"arm\"")
  row <- claimed_rows(rows, arm = claim_group(rows$arm, claim$group, "arm"))
  row <- take_rows(row, !nzchar(as.character(row$reference)) | is.na(row$reference))
  claim_value(row$estimate, row$lower, row$upper, sprintf("%s: %s", claim$level, claim$group), as.character(row$model),
              as.character(row$task), reason = sprintf("%d facts in %d run(s)", row$facts, row$runs))
}
