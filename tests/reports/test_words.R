# Rscript test_words.R FOLDER: the functions that format values, without any package.
folder <- commandArgs(trailingOnly = TRUE)[1]
for (file in Sys.glob(file.path(folder, "../../stats/R/plot_*.R"))) source(file, encoding = "UTF-8")
for (file in c("text.R", "words.R", "kinds.R", "results.R", "tables.R", "style.R", "survival.R", "models.R", "net.R",
  "marginal.R", "provenance.R", "callouts.R")) source(file.path(folder, file),
    encoding = "UTF-8")

is <- function(got, expected) {
  if (!identical(got, expected)) {
    stop("expected ", deparse(expected), " but got ", deparse(got), " from ", deparse(sys.call()[[2]]), call. = FALSE)
  }
}
dash <- "\u2013"
space <- function(x) gsub("\u00a0", " ", x)

is(fmt_n(c(0, 7, 1234, NA, 1e6)), c("0", "7", "1,234", dash, "1,000,000"))
is(fmt_number(c(0, 0.000012, 0.5, 3.14159, 12, 1234.5, NA)), c("0", "1.2e-05", "0.5", "3.14", "12", "1,230", dash))
is(fmt_time(c(0, 3.14159, 12, NA, Inf)), c("0", "3.14", "12", dash, "Inf"))
is(fmt_time(1234.5678), "1,235")
is(fmt_time(c(20230101, 20230102)), c("20,230,101", "20,230,102"))
is(fmt_time(c(0.7, 0.70001, 1e-5)), c("0.7", "0.70001", "0.00001"))
is(fmt_time(numeric()), character())
is(space(fmt_percent(c(0, 0.1234, 1, NA))), c("0.0 %", "12.3 %", "100.0 %", dash))
is(space(fmt_percent(0.126, 0)), "13 %")
is(fmt_ratio(c(0.0004, 0.0432, 0.5, 2.614, 12.36, 130.2, 1e5, NA, Inf)),
    c("< 0.001", "0.043", "0.50", "2.61", "12", "130", "> 1,000", dash, "> 1,000"))
is(fmt_ratio(1 - 1e-9), "1.00") # what rounding leaves of one
is(fmt_even(c(-1.1042, -1.853, -0.3612)), c("\u22121.10", "\u22121.85", "\u22120.36"))
is(fmt_even(c(0.17, -0.1331, 0.4729), plus = "+"), c("+0.170", "\u22120.133", "+0.473"))
is(fmt_even(c(132, 82.1, 1182.4)), c("132", "82", "1,182"))
is(fmt_even(c(40, -90, 10)), c("40", "\u221290", "10"))
is(fmt_even(c(0, 0, 0)), c("0", "0", "0"))
is(fmt_ratio(c(1, 1.0003, 0.998, 1.01, 0.0999, 9.96)), c("1.00", "1.0003", "0.998", "1.01", "0.10", "10"))
is(times_words(c(0.002, 0.5, 38.7)), c("less than 0.05 times", "about 0.50 times", "more than 20 times"))
is(fmt_ratio(numeric()), character())
is(fmt_hr(2.614, 2.1, 3.24), "2.61 (2.10\u20133.24)")
is(fmt_hr(c(2, NA, 3), c(NA, NA, 1), c(NA, NA, 4), c(FALSE, FALSE, TRUE)), c("2.00", dash, "no finite value"))
is(fmt_hr(116, 0.26, 1e6), "116 (0.26 to > 1,000)")
is(fmt_hr(numeric(), numeric(), numeric(), logical()), character())
is(space(fmt_p(c(0, 0.00099, 0.0321, 0.0496, 0.44, 0.999, NA))),
  c("p < 0.001", "p < 0.001", "p = 0.032", "p = 0.050", "p = 0.44", "p > 0.99", "p not available"))
is(space(fmt_p_value(c(0.2, 0.0004))), c("0.20", "< 0.001"))
is(fmt_seconds(c(0.04, 9.94, 59.4, 200, 7500, NA)), c("0.0 s", "9.9 s", "59 s", "3 min 20 s", "2 h 05 min", dash))
is(fmt_seconds(c(59.6, 3599.7)), c("1 min 00 s", "1 h 00 min"))
is(plural(c(0, 1, 1200, NA), "run"), c("0 runs", "1 run", "1,200 runs", paste(dash, "runs")))
is(list_words(c("a", "b", "c")), "a, b and c")
is(list_words("a"), "a")
is(list_words(character()), character())
is(time_word("epoch", 2), "epochs")
is(time_word("tokens"), "token")
is(md("a|b_c*[d]"), "a&#124;b&#95;c&#42;&#91;d&#93;")
is(md("`r 1`"), "[&#96;r 1&#96;]{.given}")
is(md(c(" a  b", "a b", "a ")), c("&nbsp;a &nbsp;b", "a b", "a&nbsp;"))
is(visible("a\tb\u0001c\u007f"), "a b\u2401c\u2421")
is(md("\u05d0\u05d1"), "[\u05d0\u05d1]{.given dir=\"auto\"}")
is(md(c(NA, "two\nlines")), c("", "two lines"))
is(stratum_words("latent", c("yes", "TRUE", "no", "latent=FALSE")),
    c("latent knowledge", "latent knowledge", "no latent knowledge", "no latent knowledge"))
is(stratum_words("", "all"), "all facts")
is(stratum_words("split", c("trained", "withheld")), c("trained", "withheld"))
is(rule_words(c("first", "sustained3")), c("first event counts", "must hold for 3 probes in a row"))
# A column whose name could be a column and a level stands in backticks; a level may hold whatever separates.
terms <- c("relation:a:b", "`a:b`", "`a:b`:c:d", "`q\\`:r`:`", "age", "`GLOBAL`")
is(column_of(terms), c("relation", "a:b", "a:b", "q`:r", "age", "GLOBAL"))
is(level_of(terms), c("a:b", "", "c:d", "`", "", ""))
# "a b" with "c" and "a" with "b c" read alike once they are pasted.
is(match_rows(data.frame(x = c("a b", "a"), y = c("c", "b c")), data.frame(x = c("a", "a b"), y = c("b c", "c")),
  c("x", "y")), c(2L, 1L))
is(apart(c("A b", "A b", "C"), c("a_b", "a b", "c")), c("A b (a_b)", "A b (a b)", "C"))
is(predictor_words(c("latent", "relation:capital", "log_frequency")),
    c("Latent knowledge", "Relation", "Log frequency"))
is(row_height(1), 2.4)

# A step holds its height until the next time, and reaches the end of follow-up.
d <- steps(data.frame(time = c(0, 2, 5), incidence = c(0, 0.1, 0.4)), end = 6)
is(d$time, c(0, 2, 2, 5, 5, 6, 6)[seq_along(d$time)])
is(d$incidence, c(0, 0, 0.1, 0.1, 0.4, 0.4, 0.4)[seq_along(d$incidence)])

# Settings, whatever their shape, become dotted keys.
settings <- flatten(list(study = list(name = "x", seeds = list(1, 2), none = NULL, on = TRUE),
    arms = list(list(name = "a", tuning = NULL), list(name = "b"))))
is(names(settings), c("study.name", "study.seeds", "study.on", "arms[1].name", "arms[2].name"))
is(unname(settings), c("x", "1, 2", "true", "a", "b"))
is(length(flatten(list(arms = list()))), 0L)
is(flatten(list(end = "\n", none = "", rate = 1e-4)), c(end = "\"\\n\"", none = "\"\"", rate = "0.0001"))

# A model of the plan with one predictor: one row, of no standard kind.
d <- data.frame(model = "frailty", term = "latent", unit = "yes vs no", time = NA, hr = 2, lower = 1.5, upper = 3,
  marginal_hr = 1.8, marginal_lower = 1.4, marginal_upper = 2.5)
shown <- paste(table_marginal(list(time = "epoch"), d), collapse = "\n")
stopifnot(grepl("Latent knowledge", shown, fixed = TRUE), !grepl("Random effects", shown, fixed = TRUE))
is(predictor_words(c("latent", "ns(answer_tokens, 3)", "answer_tokens")),
  c("Latent knowledge", "ns(answer_tokens, 3)", "Answer tokens"))
# A page that Quarto makes did not lack it; what else was missing stays.
missing <- list(absent = "", environment = list(missing = list(list(what = "Quarto", cost = "no page"),
  list(what = "coxme", cost = "no random effects"))))
Sys.setenv(FACTSURV_RENDERER = "quarto 1.7.34")
stopifnot(!grepl("Quarto", say_missing(missing)), grepl("coxme", say_missing(missing)))
Sys.setenv(FACTSURV_RENDERER = "knitr + pandoc 3.1")
stopifnot(grepl("Quarto", say_missing(missing)))
# A model on each fact's own clock says so of its periods; the others have the study's.
clocks <- list(time = "step", study = list(analysis = list(model = list(list(name = "own", time = "exposures"),
  list(name = "plain")))), models = list(fits = data.frame(task = c("a", "b"), name = c("own", "plain"))))
is(space(period_words(on_its_clock(clocks, "a"), data.frame(from = 0, to = 28))), "exposures 0 to 28")
is(space(period_words(on_its_clock(clocks, "b"), data.frame(from = 0, to = 28))), "steps 0 to 28")
# A series was not trained here: no recipe, nothing before training; other studies keep their words.
is(worded("Before training, by training recipe"), "Before training, by training recipe")
vocabulary$series <- TRUE
is(worded(c("Before training, by training recipe", "Training recipe", "a trained fact")),
  c("At the first checkpoint, by model", "Model", "a fact"))
stopifnot(!grepl("trained", outcome_words("acquisition", "who")), probe_axis(list(time = "tokens")) == "Token")
vocabulary$series <- FALSE
is(probe_axis(list(time = "tokens")), "Epoch")
# A column is known by its name also where it comes as a factor; a third of a number is told from what to what.
stopifnot(identical(by_words(factor("split")), worded("split (trained or withheld)")),
  identical(stratum_words("x", c("[-1,0.581]", "(0.581,0.652]")), c("\u22121 to 0.581", "0.581 to 0.652")),
  identical(once(c("a", "a", "b", "a")), c("a", "", "b", "a")), identical(once(character()), character()),
  grepl("\u201cSplit\u201d is left out: it", columns_in_words("split is left out: it is constant (0)"), fixed = TRUE))
cat("all as expected\n")
