# Recall by prompt form: is a fact known, or only one wording of the question?

#' Share of facts recalled by form, run and checkpoint, with the split of the facts.
forms_data <- function(results) {
  d <- results$forms
  if (!nrow(d)) return(d)
  d <- data.frame(d[c("run", "epoch", "form", "held_out")], split = split_of(results, d),
    recalled = as.numeric(d$recalled), n = 1)
  d <- stats::aggregate(cbind(recalled, n) ~ run + split + epoch + form + held_out, d, sum)
  d$share <- d$recalled / d$n
  d$called <- form_words(d$form, d$held_out)
  d$called <- factor(d$called, unique(d$called[order(d$form)]))
  d
}

# What a fact is in a run: recipes may teach facts of their own.
split_of <- function(results, d) {
  as.character(results$baseline$split)[match_rows(d, results$baseline, c("run", "fact_id"))]
}

# Rows at the first (`min`) or last (`max`) checkpoint of each run, which may be followed for a time of its own.
at_end_of_runs <- function(d, end) d[d$epoch == stats::ave(d$epoch, as.character(d$run), FUN = end), , drop = FALSE]

form_words <- function(form, held_out) {
  paste0(ifelse(form == 1, "the probe form", paste("form", form)), ifelse(held_out, ", never trained", ""))
}

#' Of each form: pooled over runs, at the first and at the last checkpoint.
form_ends <- function(results) {
  d <- forms_data(results)
  pooled <- function(d) stats::aggregate(cbind(recalled, n) ~ split + form + held_out + called, d, sum)
  last <- pooled(at_end_of_runs(d, max))
  first <- pooled(at_end_of_runs(d, min))
  last$before <- (first$recalled / first$n)[match_rows(last, first, c("split", "form", "called"))]
  last$after <- last$recalled / last$n
  last[order(last$split, last$form), ]
}

#' At the last checkpoint: facts with more than one form that are recalled in all, in some but not all, or in none.
form_agreement <- function(results) {
  d <- at_end_of_runs(results$forms, max)
  split <- split_of(results, d)
  key <- paste(as.integer(factor(d$run)), as.integer(factor(d$fact_id)))
  hits <- tapply(as.integer(d$recalled), key, sum)
  forms <- tapply(as.integer(d$recalled), key, length)
  of <- split[match(names(hits), key)]
  several <- forms > 1
  data.frame(split = of, all = hits == forms, some = hits > 0 & hits < forms)[several, ]
}

say_forms <- function(results) {
  ends <- form_ends(results)
  agreed <- form_agreement(results)
  lines <- vapply(intersect(c("trained", "withheld"), ends$split), function(split) {
    x <- ends[ends$split == split, ]
    a <- agreed[agreed$split == split, ]
    paste0("- **", worded(paste0(first_upper(split), " facts")), ":** at the last checkpoint ",
      list_words(say_alike_forms(x)), ".", if (nrow(a)) paste0(" **",
        fmt_percent(mean(a$all)), "** of the histories are recalled in every form, ", fmt_percent(mean(a$some)),
        " in some and not in others."))
  }, "")
  paste(lines, collapse = "\n")
}

# Of more than two forms of a kind, the lowest and the highest stand for all: the table has each.
say_alike_forms <- function(x) {
  kind <- ifelse(x$form == 1, "the probe form", ifelse(x$held_out, "other forms, never trained", "other forms"))
  unlist(lapply(split(x, factor(kind, unique(kind))), function(d) {
    if (nrow(d) < 3) return(paste0(fmt_percent(d$after), " in ", d$called))
    ends <- unique(fmt_percent(range(d$after)))
    paste0(paste(ends, collapse = " to "), " in ", few_words(nrow(d)), " ", kind[match(d$form[1], x$form)])
  }), use.names = FALSE)
}

figure_forms <- function(results) plot_forms(forms_data(results), probe_axis(results), worded)

alt_forms <- function(results) {
  e <- form_ends(results)
  paste0("Curves of the share of facts recalled by prompt form. ", paste0(first_upper(e$split), " facts, ", e$called,
    ": from ", fmt_percent(e$before), " to ", fmt_percent(e$after), ".", collapse = " "))
}

table_forms <- function(results) {
  e <- form_ends(results)
  md_table(data.frame(Facts = first_upper(e$split), Form = first_upper(as.character(e$called)),
    "In all runs" = fmt_n(e$n), "Before training" = fmt_percent(e$before), "At the end" = fmt_percent(e$after),
    check.names = FALSE), "llrrr")
}
