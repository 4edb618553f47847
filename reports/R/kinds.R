# What a study of a series, or a table of observations, says where others speak of training: nobody trained it here, so
# there is no recipe and nothing before training. The words of the other studies stand in the code and in the pieces;
# these take their places.

series_words <- c(
  "Before training and at the end" = "At the first checkpoint and at the last",
  "before training and at the end" = "at the first checkpoint and at the last",
  "before training" = "at the first checkpoint", "Before training" = "At the first checkpoint",
  "training recipes" = "models", "training recipe" = "model", "Training recipes" = "Models",
  "Training recipe" = "Model", "The model before training" = "The model at its first checkpoint",
  "Epoch 0 is at the first checkpoint." = "The first checkpoint is the origin.",
  "by epoch" = "by position in training", "Recalled before" = "Recalled at first", " recipes" = " models",
  "every recipe" = "every model", "Every recipe" = "Every model", "a recipe" = "a model", "one recipe" = "one model",
  "this recipe" = "this model", "Recipe" = "Model",
  "Acquisition is about trained facts, generalisation about withheld ones." = "",
  "a trained fact" = "a fact", "trained facts" = "facts", "Trained facts" = "Facts",
  "from the baseline to the end of training" = "from the first checkpoint to the last",
  "What did the model know at the first checkpoint" = "What did the model know at its first checkpoint"
)

#' A text in the words of the study's kind, its event rule and the stage at which its clock starts.
worded <- function(text) {
  if (length(vocabulary$origin)) text <- gsub("([Bb]efore) training", paste("\\1 stage", vocabulary$origin), text)
  m <- vocabulary$in_a_row
  if (m > 1) text <- gsub("at some checkpoint", paste("at", m, "checkpoints in a row"), text, fixed = TRUE)
  if (!vocabulary$series && !vocabulary$observed) return(text)
  for (words in names(series_words)) text <- gsub(words, series_words[[words]], text, fixed = TRUE)
  text
}

#' What was followed, where a study's models are series.
say_followed <- function(results) {
  d <- results$series
  reached <- d[!is.na(d$checkpoint), ]
  missing <- d[is.na(d$checkpoint), ]
  each <- vapply(split(reached, factor(reached$arm, level_order(reached$arm))), function(x) {
    of <- if (length(level_order(d$arm)) > 1) paste0("*", md(x$arm[1]), "*") else "its training"
    paste0(plural(nrow(x), "checkpoint"), " of ", of, " (", md(time_word(results$time)), " ",
      paste(fmt_time(range(x$position)), collapse = " to "), ")")
  }, "")
  relations <- length(unique(as.character(results$facts$relation)))
  paste0("Nothing was trained here: the model (", md(model_name(results)), ") was probed at ", list_words(each),
    ". Each time it was asked for **", plural(nrow(results$facts), "fact"), "**",
    if (relations > 1) paste0(" about ", plural(relations, "relation")), ".",
    if (nrow(missing)) paste0(" Left out, for they could not be read: ", list_some(paste0(md(missing$name), " (",
      md(missing$left_out), ")")), "."), say_histories(results))
}

#' The checkpoints of a series, in one line of the first screen.
say_series <- function(results) {
  reached <- results$series[!is.na(results$series$checkpoint), ]
  arms <- length(level_order(reached$arm))
  at <- fmt_time(range(reached$position))
  who <- if (arms > 1) paste0(first_upper(few_words(arms)), " models") else with_article(md(model_name(results)))
  paste0(who, " at ", plural(nrow(reached), "checkpoint"), " of ", if (arms > 1) "their" else "its", " training, ",
    md(time_word(results$time)), " ", at[1], " to ", at[2], ", asked for ", plural(nrow(results$facts), "fact"))
}
