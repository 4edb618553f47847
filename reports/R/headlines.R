# The first screen: what was studied, each outcome in two sentences with a small picture, and how sure that is. No test
# and no method is named here; what is in doubt is told as that.

#' All findings, as Markdown.
say_findings <- function(results, most = 4) {
  outcomes <- Filter(function(o) is_asked(results, o), results$outcomes)
  shown <- utils::head(outcomes, most)
  arms <- arms_data(results)
  # One sentence says how recipes differ: by the facts that they teach, where that is what is compared.
  recipes <- if (nrow(popularity_data(results))) finding_of_popularity(results) else ""
  if (!nzchar(recipes) && nrow(ranks_data(results, "end"))) recipes <- finding_of_ranks(results)
  if (!nzchar(recipes) && nrow(arms)) recipes <- finding_of_arms(results, arms)
  parts <- c(say_studied(results), "::: {.findings}", vapply(shown, function(o) finding(results, o), ""), recipes,
    ":::",
    if (length(outcomes) > most) paste0("The other outcomes have their sections below: ",
      list_words(paste0("[", md(outcomes[-seq_len(most)]), "](#", vapply(outcomes[-seq_len(most)],
        outcome_id, ""), ")")), "."), say_claims(results), say_how_sure(results))
  paste(parts[nzchar(parts)], collapse = "\n\n")
}

#' What was studied, in one line; the counting is told in full below it.
say_studied <- function(results) {
  made <- vapply(results$manifest$artefacts, function(x) if (is.null(x$made)) "" else as.character(x$made), "")
  date <- as.Date(substr(c(sort(made[nzchar(made)], decreasing = TRUE), "")[1], 1, 10), optional = TRUE)
  on <- if (!is.na(date)) paste0(month.name[as.integer(format(date, "%m"))], " ", format(date, "%Y"))
  if (!vocabulary$probed) return(paste0(say_table(results), if (length(on)) paste0(" Analysed in ", on, ".")))
  if (vocabulary$series) return(paste0(say_series(results), if (length(on)) paste0("; ", on), "."))
  n <- counted(results)
  model <- md(sub("[.-]Q[0-9]\\w*$", "", model_name(results)))
  paste0(with_article(model), ", ",
    say_taught(results, plural(n$trained, "fact")),
    if (n$withheld) ", with others withheld", "; ",
    few_words(n$runs), if (n$runs == 1) " run" else " runs",
    if (length(n$arms) > 1) paste0(" of ", few_words(length(n$arms)), " recipes"), say_grafted(results),
    if (length(on)) paste0(", ", on), ".")
}

# What has no name of its own is "a" model.
with_article <- function(model) {
  if (grepl("^(model|tiny language|small stand-in|simulated) ", model)) paste("A", model) else model
}

few_words <- function(n) {
  ifelse(n %in% 1:9, c("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")[pmax(1, n)], fmt_n(n))
}

model_name <- function(results) {
  simulated <- study_value(results, c("simulation", "name"), NULL)
  if (!is.null(simulated)) return(paste("simulated", simulated, "model"))
  if (from_nothing(results)) return("model from random weights")
  model <- basename(as.character(study_value(results, c("model", "name"), "one language model")))
  if (grepl("^small-(series-)?[0-9a-f]{8,}$", model)) return("small stand-in model") # of a rehearsal
  if (model == "tiny") "tiny language model" else sub("\\.(gguf|safetensors)$", "", model)
}

from_nothing <- function(results) study_value(results, c("model", "name"), "") == "scratch"

# A model from random weights is taught more than is followed: everything that it knows.
say_taught <- function(results, facts) {
  if (from_nothing(results)) paste("asked for", facts, "that it was taught") else paste("fine-tuned on", facts)
}

finding <- function(results, outcome) {
  best <- headline_of(results, outcome, c("cox", "cox-firth"), function(model) {
    main_effect(results, outcome, model = model, doubtful = TRUE)
  })
  bar <- if (!is.null(best)) interval_bar(told_ratio(results, outcome, best), outcome)
  titles <- c(acquisition = "Learned.", generalisation = "Came along.", degradation = "Lost.")
  title <- if (vocabulary$probed && outcome %in% names(titles)) titles[[outcome]] else paste0(md(first_upper(outcome)),
    ".")
  paste0("::: {.finding}\n", pictures(spark_incidence(results, outcome), bar), "\n\n**[", title, "](#",
    outcome_id(outcome), ")** ", finding_count(results, outcome), " ", finding_effect(results, outcome, best), "\n:::")
}

#' How many, with what is left of them beside.
finding_count <- function(results, outcome) {
  d <- pick(results$event_counts, outcome = outcome, rule = results$rule)
  n <- sum(d$at_risk)
  if (!n) return(paste0("No fact was at risk of ", md(outcome), "."))
  if (!sum(d$events)) {
    return(paste0("None of the ", outcome_words(outcome, "who"), " ", outcome_words(outcome, "did"), "."))
  }
  x <- net_of(results, outcome)
  if (!x$n) return(gsub("**", "", say_count(results, outcome), fixed = TRUE))
  if (outcome == "degradation") {
    return(paste0("Of what was recalled at first, ", fmt_percent(x$happened / x$n, 0), " was lost ",
      worded("at some checkpoint"), " and ", fmt_percent(x$kept / x$n, 0), " at the end."))
  }
  split <- c(acquisition = "trained", generalisation = "withheld")[[outcome]]
  net <- paste0("Recall of the ", worded(paste(split, "facts")), " went ", recall_went(results, split))
  if (outcome == "acquisition") return(paste0(net, "."))
  paste0(net, ", though ", fmt_percent(x$happened / x$n, 0), " of those not recalled at first", known_in_words(),
    if (length(vocabulary$known_in)) " were recalled " else " were ", worded("at some checkpoint"), ".")
}

#' From where to where, in all runs; where recipes ended far from each other, the lowest and the highest, each with its
#' own start where these differ too (models of several sizes).
recall_went <- function(results, split) {
  e <- recall_ends(results)
  e <- e[e$split == split & !e$arm %in% graft_names(results), ]
  ends <- fmt_percent(sum(e$after) / sum(e$facts), 0)
  apart <- e[order(e$share_after), ][c(1, nrow(e)), ]
  if (diff(apart$share_after) >= 0.25) {
    starts <- fmt_percent(apart$share_before, 0)
    if (starts[1] != starts[2]) {
      return(list_words(paste0("from ", starts, " to ", fmt_percent(apart$share_after, 0), " (", md(apart$arm), ")")))
    }
    ends <- paste0("between ", paste0(fmt_percent(apart$share_after, 0), " (", md(apart$arm), ")", collapse = " and "))
  }
  paste0("from ", fmt_percent(sum(e$before) / sum(e$facts), 0), " to ", ends)
}

#' The heads of the caveats, as one line that leads to them.
say_how_sure <- function(results) {
  x <- caveats(results)
  if (!length(x)) {
    return("**How sure?** Nothing in the data speaks against [reading these numbers as they stand](#trust).")
  }
  heads <- regmatches(x, regexpr("^\\*\\*[^*]+\\*\\*", x))
  heads <- sub("^\\*\\*Missing", "**Something missing", sub("[0-9,]+ fits? missing", "Fits missing", heads))
  heads <- sub("[:,]? *$", "", sub(" \\(.*$|, and in no sentence here.*$", "", gsub("*", "", heads, fixed = TRUE)))
  paste0("**How sure?** Before you rely on these numbers, know this: ", list_words(lower_first(unique(heads))),
    ". [What that means](#trust).")
}
