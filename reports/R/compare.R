# Several studies in one report: what each found, side by side, and how they differ where they share facts.

#' @param folders Results folders.
#' @return A list of results by the studies' names; names that are taken have numbers behind them.
read_studies <- function(folders) {
  studies <- lapply(unlist(folders), read_results)
  names <- vapply(studies, function(results) as.character(study_value(results, c("study", "name"))), "")
  vocabulary$probed <- all(vapply(studies, function(results) nrow(results$recall) > 0, NA))
  again <- stats::ave(seq_along(names), names, FUN = seq_along)
  stats::setNames(studies, ifelse(again == 1, names, paste0(names, " (", again, ")")))
}

say_studies <- function(studies) {
  shared <- Reduce(intersect, lapply(studies, facts_of))
  paste0("**", fmt_n(length(studies)), " studies**, side by side as each of them found it; they share ",
    plural(length(shared), "fact"), ". Where facts are shared, studies are compared with the first, **",
    md(names(studies)[1]), "**, on these facts.")
}

facts_of <- function(results) unique(as.character(results$events$fact_id))

table_studies <- function(studies) {
  of <- function(f) vapply(studies, f, "")
  md_table(data.frame(Study = names(studies), Model = of(function(r) {
    own <- study_value(r, c("model", "path"), "\u2013") # of events of one's own: none
    if (nzchar(study_value(r, c("model", "name"), ""))) model_name(r) else as.character(own)
  }), Facts = of(function(r) fmt_n(length(facts_of(r)))), Runs = of(function(r) fmt_n(length(unique(r$events$run)))),
  Events = of(function(r) fmt_n(sum(pick(r$events, rule = r$rule)$event))), Made = of(made_on), check.names = FALSE),
  "llrrrl")
}

made_on <- function(results) {
  made <- unlist(lapply(results$manifest$artefacts, function(x) x$made))
  if (length(made)) gsub("-", "\u2011", substr(max(as.character(made)), 1, 10)) else "\u2013" # kept on one line
}

#' Outcomes of which at least two studies have hazard ratios.
shared_outcomes <- function(studies) {
  all <- unlist(lapply(studies, function(r) unique(as.character(adjusted(r)$outcome))))
  unique(all[duplicated(all)])
}

adjusted <- function(results) pick(results$coefficients, rule = results$rule, model = "cox")

#' The adjusted model of each study, or Firth's where the plain one is in doubt.
compare_data <- function(studies, outcome) {
  rows <- lapply(names(studies), function(name) {
    r <- studies[[name]]
    model <- if (doubted(r, outcome, "cox") && has_rows(r, "coefficients", outcome, model = "cox-firth")) "cox-firth"
    d <- pick(r$coefficients, outcome = outcome, rule = r$rule, model = c(model, "cox")[1])
    if (nrow(d)) data.frame(d[c("term", "unit", "estimate", "hr", "lower", "upper", "infinite")], kind = name,
      model = c(model, "cox")[1], events = fit_of(r, outcome, "cox")$events[1])
  })
  d <- do.call(rbind, rows)
  d$kind <- factor(d$kind, names(studies))
  # A standard deviation is each study's own: the unit in the line says so without its size.
  unit <- sub("^(per SD).*", "\\1", as.character(d$unit))
  words <- paste0(wrap(predictor_words(d$term), 26), "\n", unit)
  d$shown <- factor(words, rev(unique(words)))
  d
}

compare_section <- function(studies, outcome) {
  cat("\n\n## ", outcome_head(outcome), " {#", outcome_id(outcome), "}\n\n", sep = "")
  cat(knit_piece("compare-outcome", studies, outcome))
}

knit_piece <- function(name, studies, outcome) piece(name, outcome = outcome, studies = studies)

alt_compare <- function(studies, outcome) {
  d <- compare_data(studies, outcome)
  paste0("Forest plot of hazard ratios of ", outcome, ". ", paste0(d$kind, ", ", term_words(d), ": ", fmt_hr(d$hr,
    d$lower, d$upper), ".", collapse = " "))
}

table_compare <- function(studies, outcome) {
  d <- compare_data(studies, outcome)
  out <- data.frame(Predictor = gsub("\n", " ", levels(d$shown)[rev(seq_len(nlevels(d$shown)))]), check.names = FALSE)
  for (name in levels(d$kind)) {
    own <- d[d$kind == name, ]
    own <- own[match(rev(levels(d$shown)), as.character(own$shown)), ]
    firth <- if (any(own$model == "cox-firth", na.rm = TRUE)) " (Firth)"
    out[[paste0(name, firth)]] <- ifelse(is.na(own$hr), "\u2013", fmt_hr(own$hr, own$lower, own$upper, own$infinite))
  }
  md_table(out, paste0("l", strrep("r", length(studies))))
}

# Computed once for a section's sentence and its table.
kept_ratios <- new.env()

ratios_of <- function(studies, outcome) {
  if (is.null(kept_ratios[[outcome]])) {
    having <- Filter(function(r) nrow(pick(r$events, outcome = outcome, rule = r$rule)) > 0, studies)
    columns <- lapply(having, function(r) unique(column_of(pick(adjusted(r), outcome = outcome)$term)))
    held <- lapply(having, function(r) names(r$events))
    columns <- Reduce(intersect, c(columns, held))
    if (length(having) < 2) return(data.frame())
    assign(outcome, compare_studies(lapply(having, `[[`, "events"), outcome, having[[1]]$rule, columns), kept_ratios)
  }
  kept_ratios[[outcome]]
}

say_compared <- function(studies, outcome) {
  d <- ratios_of(studies, outcome)
  if (!nrow(d)) return(paste0("No differences with intervals: ", md(c(attr(d, "reason"),
    "only one has events")[1]), "."))
  main <- main_term(studies[[1]], outcome)
  x <- d[sub(": .*$", "", d$term) == main, , drop = FALSE]
  x <- x[seq_len(min(1, nrow(x))), ]
  clear <- sum(d$lower > 1 | d$upper < 1, na.rm = TRUE)
  paste0("On the ", fmt_n(d$facts[1]), " facts that are at risk in all of them, ",
    if (nrow(x)) paste0("the hazard ratio of ", md(lower_first(predictor_words(main))), " in ", md(x$study), " is **",
      fmt_ratio(x$ratio), " times** that in ", md(x$reference), " (95 % interval ", fmt_ratio(x$lower), " to ",
      fmt_ratio(x$upper), if (!isTRUE(x$lower > 1 || x$upper < 1)) "; no difference is shown", "). "),
    "Of ", plural(nrow(d), "difference"), " between studies, ", fmt_n(clear), if (clear == 1) " has" else " have",
    " an interval without 1; nothing corrects for their number.",
    if (nzchar(attr(d, "reason"))) paste0(" ", md(attr(d, "reason")), "."))
}

table_ratios <- function(studies, outcome) {
  d <- ratios_of(studies, outcome)
  if (!nrow(d)) return(md_table(d))
  level <- ifelse(grepl(": ", d$term), sub("^[^:]*: ", ", ", d$term), "")
  md_table(data.frame(Study = paste(d$study, "against", d$reference),
    Predictor = paste0(predictor_words(sub(": .*$", "", d$term)), level), "Shared facts" = fmt_n(d$facts),
    "Ratio (95 % interval)" = fmt_hr(d$ratio, d$lower, d$upper), p = fmt_p_value(d$p), check.names = FALSE), "llrrr")
}

recall_differences <- function(studies) recall_gaps(lapply(studies, `[[`, "histories"))

say_recall_differences <- function(studies) {
  d <- recall_differences(studies)
  d <- d[d$split == "trained", ]
  if (!nrow(d)) return("")
  each <- vapply(seq_len(nrow(d)), function(i) {
    x <- list(estimate = d$gap[i], lower = d$lower[i], upper = d$upper[i])
    paste0("of the ", plural(d$facts[i], "trained fact"), " shared with ", md(d$study[i]), ", ",
      say_points(x, verb = " are recalled there"))
  }, "")
  paste0("Compared with ", md(names(studies)[1]), ": ", paste(each, collapse = "; "), ".")
}

table_recall_differences <- function(studies) {
  d <- recall_differences(studies)
  points <- function(x) fmt_signed(round(100 * x, 1))
  md_table(data.frame(Study = paste(d$study, "against", names(studies)[1]), Facts = paste(fmt_n(d$facts), d$split),
    "In the first" = fmt_percent(d$first), "In the other" = fmt_percent(d$own),
    "Difference in points (95 % interval)" = paste0(points(d$gap), " (", points(d$lower), " to ", points(d$upper), ")"),
    check.names = FALSE), "llrrr")
}

settings_of <- function(results) flatten(results$study)

versions_of <- function(results) {
  digest <- function(name) substr(c(results$manifest$artefacts[[name]]$sha256, "not recorded")[1], 1, 12)
  c("digest of facts.arrow" = digest("facts.arrow"), "digest of events.arrow" = digest("events.arrow"),
    unlist(results$environment$versions), unlist(results$environment$r_packages))
}

differing <- function(studies, of) {
  values <- lapply(studies, of)
  keys <- unique(unlist(lapply(values, names)))
  table <- vapply(values, function(v) ifelse(is.na(v[keys]), "\u2013", as.character(v[keys])), character(length(keys)))
  table <- matrix(table, length(keys), dimnames = list(keys, names(studies)))
  table[apply(table, 1, function(x) length(unique(x)) > 1), , drop = FALSE]
}

table_differing <- function(studies, of) {
  d <- differing(studies, of)
  md_table(data.frame(What = rownames(d), d, check.names = FALSE, row.names = NULL))
}

say_same <- function(studies) {
  settings <- rownames(differing(studies, settings_of))
  settings <- settings[!grepl("^(study|report|claim)[.[]", settings)] # what they are called, and what is said of them
  versions <- rownames(differing(studies, versions_of))
  paste0(plural(length(settings), "setting"), " and ", plural(length(versions), "digest or version",
    "digests and versions"), " are not the same",
    if (length(settings)) paste0("; among the settings ", list_words(md(utils::head(settings, 5)))), ".")
}

say_made <- function() {
  paste0("Rendered by ", md(renderer()), " on ", format(Sys.time(), "%Y-%m-%d %H:%M UTC", tz = "UTC"), ".")
}
