# Tables as Markdown, so that Quarto and pandoc number, caption and style them alike.

#' @param d A data.frame of text, already formatted; its names are the column heads.
#' @param align One letter per column: l, r or c. Text cells are escaped here, once.
md_table <- function(d, align = NULL) {
  if (!nrow(d)) return(knitr::asis_output("\n*None.*\n"))
  align <- if (is.null(align)) rep("l", ncol(d)) else strsplit(align, "")[[1]]
  of_training <- vocabulary$series & vapply(d, function(x) all(x %in% "trained"), TRUE) # says nothing there
  d <- d[!of_training]
  align <- align[!of_training]
  cells <- vapply(d, function(x) gsub("^$", "&nbsp;", md(x)), character(nrow(d)))
  cells <- matrix(cells, nrow(d))
  rule <- c(l = ":-----", r = "-----:", c = ":----:")[align]
  line <- function(x) paste0("| ", paste(x, collapse = " | "), " |")
  rows <- c(line(md(worded(names(d)))), line(rule), apply(cells, 1, line))
  knitr::asis_output(paste0("\n", paste(rows, collapse = "\n"), "\n"))
}

table_knowledge <- function(results) {
  d <- knowledge_by_relation(results$baseline, results$facts)
  runs <- max(1, length(unique(as.character(results$baseline$run))))
  wide <- stats::reshape(d[c("relation", "knowledge", "facts", "mean")], idvar = c("relation", "facts"),
      timevar = "knowledge", direction = "wide")
  wide <- wide[order(-wide$mean.known / wide$facts), ]
  all <- data.frame(relation = "All relations", facts = sum(wide$facts),
      t(colSums(wide[paste0("mean.", c("known", "latent", "unknown"))])))
  wide <- rbind(wide[names(all)], all)
  digits <- function(x) if (runs == 1) fmt_n(x) else formatC(x, format = "f", digits = 1, big.mark = ",")
  share <- function(x) paste0(digits(x), " (", fmt_percent(x / wide$facts, 0), ")")
  md_table(data.frame(Relation = wide$relation, Facts = fmt_n(wide$facts), Known = share(wide$mean.known),
    Latent = share(wide$mean.latent), Unknown = share(wide$mean.unknown), check.names = FALSE), "lrrrr")
}

#' A simulation has one prompt, and so no SLiCK classes.
has_slick <- function(results) any(!is.na(results$baseline$slick))

say_slick <- function(results) {
  if (!has_slick(results)) return("")
  paste("; @tbl-slick sorts the same facts into the four SLiCK classes, which use several prompts and a graded share",
    "of right samples")
}

table_slick <- function(results) {
  b <- results$baseline
  levels <- c("HighlyKnown", "MaybeKnown", "WeaklyKnown", "Unknown")
  n <- table(factor(b$slick, levels), factor(b$split, level_order(b$split)))
  runs <- max(1, length(unique(as.character(b$run))))
  cell <- function(x) {
    mean_number <- formatC(x / runs, format = "f", digits = if (runs == 1) 0 else 1)
    paste0(mean_number, " (", fmt_percent(x / max(1, sum(x)), 0), ")")
  }
  d <- data.frame(levels, apply(n, 2, cell), check.names = FALSE)
  names(d) <- c("SLiCK class", paste(first_upper(colnames(n)), "facts"))
  md_table(d, paste0("l", strrep("r", ncol(n))))
}

#' Recall of each run, with its Wilson interval; of many runs the arms, pooled.
table_recall <- function(results, most = 12) {
  d <- results$recall
  if (length(unique(as.character(d$run))) > most) return(table_recall_of_arms(results))
  d <- d[order(d$split, d$arm, d$run, d$epoch), ]
  each <- paste(d$split, d$arm, d$run)
  a <- d[!duplicated(each), ]
  b <- d[!duplicated(each, fromLast = TRUE), ]
  share <- function(x) paste0(fmt_percent(x$proportion), " (", fmt_percent(x$lower), " to ", fmt_percent(x$upper), ")")
  md_table(data.frame(Run = as.character(a$run), "Facts" = as.character(a$split), "Number" = fmt_n(a$facts),
    "Recalled before (95 % interval)" = share(a), "Recalled at the end (95 % interval)" = share(b),
    check.names = FALSE), "llrrr")
}

table_recall_of_arms <- function(results) {
  e <- recall_ends(results)
  runs <- vapply(e$arm, function(a) length(unique(as.character(results$recall$run[results$recall$arm == a]))), 0L)
  md_table(data.frame("Training recipe" = e$arm, Facts = e$split, Runs = fmt_n(runs),
      "Facts per run" = fmt_n(e$facts / runs),
    "Recalled before" = fmt_percent(e$share_before), "Recalled at the end" = fmt_percent(e$share_after),
    check.names = FALSE), "llrrrr")
}

cap_event_counts <- function(results) {
  if (history_word(results) == "fact") return("Facts at risk, events, and facts without one (censored).")
  runs <- length(unique(as.character(results$event_counts$run)))
  paste0("Histories (one fact in one run) at risk, events, and histories without one (censored), of all ", fmt_n(runs),
    " runs.")
}

#' Columns with one value in every row (one recipe, one rule) are left out.
table_event_counts <- function(results) {
  d <- stats::aggregate(cbind(at_risk, events, censored) ~ outcome + rule + arm, results$event_counts, sum)
  d <- d[order(match(d$outcome, results$outcomes), d$rule, d$arm), ]
  out <- data.frame(Outcome = first_upper(as.character(d$outcome)), Rule = rule_words(d$rule),
      "Training recipe" = d$arm,
    "At risk" = fmt_n(d$at_risk), Events = fmt_n(d$events), Censored = fmt_n(d$censored),
    "With event" = fmt_percent(ifelse(d$at_risk > 0, 1 - d$censored / d$at_risk, NA)), check.names = FALSE)
  out <- out[c(TRUE, length(unique(d$rule)) > 1, length(unique(d$arm)) > 1, rep(TRUE, 4))]
  md_table(out, paste0(strrep("l", ncol(out) - 4), "rrrr"))
}

# The models of the table, by their column heads.
beside <- c("cox-univariable" = "Univariable", cox = "Cox", "cox-firth" = "Firth", cloglog = "Cloglog", coxme = "Coxme")

#' What each column is, and which intervals take the rows of one cluster for independent.
cap_coefficients <- function(results, outcome) {
  d <- pick(results$coefficients, outcome = outcome, rule = results$rule, model = names(beside))
  what <- c("cox-univariable" = "Cox, one predictor at a time", cox = "adjusted for the others",
    "cox-firth" = "the same with a penalty that keeps it finite, and profile likelihood intervals",
    cloglog = "the same for grouped time", coxme = "with random effects")
  shown <- names(beside)[names(beside) %in% as.character(d$model)]
  robust <- unique(as.character(d$model[!is.na(d$se_robust)]))
  plain <- beside[setdiff(shown, c(robust, if (cluster_is_random(results, outcome)) "coxme"))]
  paste0("Hazard ratios of ", md(outcome), " with 95 % intervals; above 1 the event comes earlier. ",
    paste0(beside[shown], ": ", what[shown], ".", collapse = " "),
    if (length(robust) && length(plain)) paste0(" The intervals of ", list_words(unname(plain)), " do not count that ",
      "rows of one ", md(cluster_word(results)), " go together, and may be too narrow."))
}

# A random effect of what the rows are clustered by counts that they go together, as a robust error does.
cluster_is_random <- function(results, outcome) {
  cluster <- study_value(results, c("analysis", "cluster"), "fact_id")
  cluster <- if (cluster == study_value(results, c("events", "id"), "fact_id")) "fact_id" else cluster
  d <- pick(results$variances, outcome = outcome, rule = results$rule, model = "coxme")
  any(cluster == as.character(d$grouping))
}

# What the rows are clustered by, in the singular.
cluster_word <- function(results) {
  cluster <- study_value(results, c("analysis", "cluster"), "fact_id")
  if (cluster == "fact_id") "fact" else plain_name(cluster)
}

#' Hazard ratios of every model beside each other, p of the Cox model last.
table_coefficients <- function(results, outcome, rule = results$rule) {
  d <- pick(results$coefficients, outcome = outcome, rule = rule)
  models <- beside[names(beside) %in% as.character(d$model)]
  d <- d[as.character(d$model) %in% names(models), ] # other models have a table, and terms, of their own
  terms <- unique(c(as.character(d$term[d$model == "cox"]), as.character(d$term)))
  first <- d[order(d$model != "cox"), ]
  first <- first[match(terms, as.character(first$term)), ]
  out <- data.frame(Predictor = term_words(first), check.names = FALSE)
  for (m in names(models)) {
    x <- d[d$model == m, ]
    x <- x[match(terms, as.character(x$term)), ]
    out[[models[[m]]]] <- fmt_hr(x$hr, x$lower, x$upper, x$infinite)
  }
  shown <- if ("cox" %in% d$model) "cox" else as.character(d$model[1])
  out[[if (shown == "cox") "p (Cox)" else "p"]] <- fmt_p_value(d$p[d$model == shown][match(terms,
      as.character(d$term[d$model == shown]))])
  md_table(out, paste0("l", strrep("r", length(models)), "r"))
}

#' Tests of the Cox model, and beside them those given the random effects where such a model was fitted.
table_zph <- function(results, outcome) {
  d <- pick(results$zph_tests, outcome = outcome, rule = results$rule, model = "cox")
  out <- data.frame(Predictor = ifelse(d$term == "GLOBAL", "All together", contrast_of(results, outcome, d$term)),
    "Chi-squared" = fmt_number(d$chisq), "Degrees of freedom" = fmt_number(d$df), p = fmt_p_value(d$p),
    check.names = FALSE)
  for (model in c("coxme", "frailty-gamma", "frailty-fact")) {
    x <- pick(results$zph_tests, outcome = outcome, rule = results$rule, model = model)
    if (!nrow(x)) next
    p <- fmt_p_value(x$p[match(as.character(d$term), as.character(x$term))])
    out[[paste0("p given ", c(coxme = "random effects", "frailty-gamma" = "gamma frailty",
      "frailty-fact" = "frailty of facts")[[model]])]] <- p
  }
  md_table(out, paste0("l", strrep("r", ncol(out) - 1)))
}

#' The remedy: one hazard ratio per third of the event times.
table_periods <- function(results, outcome) {
  d <- pick(results$zph_periods, outcome = outcome, rule = results$rule, model = "cox")
  d <- d[order(match(d$term, unique(d$term)), d$period), ]
  md_table(data.frame(Predictor = once(contrast_of(results, outcome, d$term)), Period = period_words(results, d),
    Events = fmt_n(d$events), "Hazard ratio (95 % interval)" = fmt_hr(d$hr, d$lower, d$upper), p = fmt_p_value(d$p),
    check.names = FALSE), "llrrr")
}

period_words <- function(results, d) {
  ends <- matrix(fmt_time(c(d$from, d$to)), ncol = 2)
  words <- paste0(time_word(results$time, 2), " ", ends[, 1], " to ", ends[, 2])
  gsub(" ", "\u00a0", words)
}

# A term with its contrast, as the coefficients know it.
contrast_of <- function(results, outcome, term) {
  d <- pick(results$coefficients, outcome = outcome)
  d <- d[order(d$model != "cox" | d$rule != results$rule), ]
  at <- match(as.character(term), as.character(d$term))
  ifelse(is.na(at), predictor_words(term), term_words(d)[at])
}

# An end that was not found within reach is not there, rather than missing.
variance_interval <- function(d) {
  interval <- ifelse(is.na(d$upper), paste0(" (at least ", fmt_number(d$lower), ")"),
    paste0(" (", fmt_number(d$lower), "\u2013", fmt_number(d$upper), ")"))
  ifelse(is.na(d$lower), ifelse(is.na(d$upper), "", paste0(" (at most ", fmt_number(d$upper), ")")), interval)
}

table_variances <- function(results, outcome) {
  d <- pick(results$variances, outcome = outcome, rule = results$rule, model = random_models)
  d <- d[order(match(as.character(d$model), random_models)), ]
  shape <- ifelse(d$model == "coxme", "normal", "gamma")
  md_table(cbind(Shape = shape, variance_columns(results, d)), "llrrrrrrl")
}

variance_columns <- function(results, d) {
  data.frame("Random effect of" = predictor_words(d$grouping), Groups = fmt_n(d$levels),
    "With two events" = fmt_n(d$levels_two),
    "Variance (95 % interval)" = paste0(fmt_number(d$variance), variance_interval(d)),
    "Other ties" = paste0(fmt_number(d$variance_other), ifelse(is.na(d$variance_other), "", paste0(" (",
      other_ties(results, d), ")"))),
    "Median hazard ratio" = fmt_ratio(d$median_hr), "p (no variance)" = fmt_p_value(d$p),
    Verdict = as.character(d$verdict), check.names = FALSE)
}

#' Adjusted hazard ratios under every event rule, the number of events in the first line of each outcome.
table_rules <- function(results) {
  rules <- level_order(results$event_counts$rule)
  parts <- lapply(results$outcomes, function(o) {
    d <- pick(results$coefficients, outcome = o, model = "cox")
    counts <- pick(results$event_counts, outcome = o)
    if (!nrow(counts)) return(NULL)
    terms <- unique(as.character(d$term))
    out <- data.frame(Outcome = first_upper(o), Predictor = c("Number of events",
        if (length(terms)) term_words(d)[match(terms, as.character(d$term))]))
    for (r in rules) {
      x <- pick(d, rule = r)
      x <- x[match(terms, as.character(x$term)), ]
      out[[rule_words(r)]] <- c(fmt_n(sum(counts$events[counts$rule == r])),
        if (length(terms)) ifelse(is.na(x$hr), "no estimate", fmt_hr(x$hr, x$lower, x$upper, x$infinite)))
    }
    out
  })
  d <- do.call(rbind, parts)
  names(d)[-(1:2)] <- first_upper(names(d)[-(1:2)])
  md_table(d, paste0("ll", strrep("r", ncol(d) - 2)))
}

#' Nested settings as dotted keys: a named character vector. What is not set is left out.
flatten <- function(x, prefix = "") {
  if (!length(x)) return(character())
  plain <- is.null(names(x)) && all(vapply(x, function(v) !is.list(v) && length(v) == 1, NA))
  if (!is.list(x) || plain) return(stats::setNames(paste(vapply(x, setting_text, ""), collapse = ", "), prefix))
  keys <- if (is.null(names(x))) paste0("[", seq_along(x), "]") else paste0(if (nzchar(prefix)) ".", names(x))
  c(character(), unlist(lapply(seq_along(x), function(i) flatten(x[[i]], paste0(prefix, keys[i])))))
}

# A line end or an empty text would be invisible: those are quoted.
setting_text <- function(v) {
  if (is.logical(v)) return(tolower(as.character(v)))
  if (is.numeric(v)) return(format(v, digits = 12, scientific = v != 0 && abs(v) < 1e-6))
  if (grepl("^\\s*$|[[:cntrl:]]", v)) encodeString(v, quote = "\"") else v
}

table_settings <- function(results) {
  d <- flatten(results$study)
  md_table(data.frame(Setting = names(d), Value = unname(d)))
}

#' Every fit with a doubt, a warning or an error; a fit without is counted in the text instead.
table_warnings <- function(results) {
  f <- results$every_fit
  texts <- vapply(c("reason", "error", "warnings"), function(n) as.character(f[[n]]), character(nrow(f)))
  texts <- matrix(ifelse(is.na(texts), "", texts), nrow(f))
  said <- apply(texts, 1, function(x) paste(unique(x[nzchar(x)]), collapse = " | "))
  keep <- (nzchar(said) | as.character(f$status) != "ok") & as.character(f$status) != "not needed"
  md_table(data.frame(Fit = as.character(f$title), Status = as.character(f$status), "What it said" = said,
      check.names = FALSE)[keep, ])
}

table_fits <- function(results) {
  f <- results$every_fit
  md_table(data.frame(Fit = as.character(f$title), Formula = as.character(f$formula), Rows = fmt_n(f$rows),
    Facts = fmt_n(f$facts), Runs = fmt_n(f$runs), Events = fmt_n(f$events), Dropped = fmt_n(f$dropped),
    Concordance = fmt_number(f$concordance), AIC = fmt_number(f$aic, 5), Time = fmt_seconds(f$seconds),
    Status = as.character(f$status), Engine = as.character(f$engine), Notes = as.character(f$messages)),
    "llrrrrrrrrlll")
}

table_artefacts <- function(results) {
  a <- results$manifest$artefacts
  value <- function(key) vapply(a, function(x) if (is.null(x[[key]])) NA_character_ else as.character(x[[key]]), "")
  md_table(data.frame(Artefact = names(a), Rows = fmt_n(as.numeric(value("rows"))), Made = value("made"),
    "SHA-256" = value("sha256"), check.names = FALSE), "lrll")
}

table_costs <- function(results) {
  s <- step_seconds(results)
  md_table(data.frame(Step = names(s), Time = fmt_seconds(unname(s))), "lr")
}

table_versions <- function(results) {
  d <- c(unlist(results$environment$versions), unlist(results$environment$r_packages))
  md_table(data.frame(Component = names(d), Version = unname(d)))
}
