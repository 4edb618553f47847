# Checks whose numbers a sample of facts gives well enough. Of more rows than `sampled_rows` each is made of that many,
# of whole facts (all their runs and spells), drawn at random and always the same; the note of the fit says so, and its
# rows and facts are those of the sample. Estimates, curves and tests of the main models are always of all rows.
sampled_models <- c("form", "sensitivity", "frailty-fact")
sampled_rows <- 100000L

sampled <- function(data, most) {
  if (nrow(data) <= most) return(list(data = data, notes = character()))
  fact <- data$fact_id
  code <- if (is.factor(fact)) bare_codes(used_levels(fact)) else match(fact, unique(fact))
  facts <- max(code)
  kept <- logical(facts)
  kept[seeded(1L, sample.int(facts, max(1, floor(facts * (most / nrow(data))))))] <- TRUE
  some <- take_rows(data, kept[code])
  list(data = some, notes = sprintf(
    "a check on %s of %s facts (%s of %s rows), drawn at random: of more than %s rows a sample tells enough",
    fmt_n(sum(kept)), fmt_n(facts), fmt_n(nrow(some)), fmt_n(nrow(data)), fmt_n(most)
  ))
}
