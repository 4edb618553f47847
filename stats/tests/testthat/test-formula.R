refused <- function(text, message, ...) expect_error(parse_formula(text), message, ..., class = "formula_problem")

test_that("what a formula may be: columns, operators, functions, strata and random intercepts", {
  random <- "(1 | relation/group) + (1 | run)"
  parsed <- parse_formula(paste("latent * log1p(popularity) + ns(logp0, df = 3) + strata(arm, run) +", random))
  expect_equal(parsed$columns, c("latent", "popularity", "logp0"))
  expect_equal(parsed$strata, c("arm", "run"))
  expect_equal(parsed$random, c("relation/group", "run"))
  expect_equal(parsed$text, "latent * log1p(popularity) + ns(logp0, df = 3)")
  expect_null(parse_formula("1 + (1 | group)")$right)
  expect_equal(parse_formula("`log` + log(`per cent`)")$columns, c("log", "per cent"))
  expect_equal(parse_formula("I(relation == \"capital\" & p0 > -1)")$columns, c("relation", "p0"))
})

test_that("a column may go by another name, a function may not", {
  names <- list(id = "fact_id", day = "stop", log = "popularity")
  parsed <- parse_formula("log(day) + strata(id) + (1 | relation/id) + (1 | id)", names)
  expect_equal(parsed$text, "log(stop)")
  expect_equal(parsed$strata, "fact_id")
  expect_equal(parsed$random, c("relation/fact_id", "fact_id"))
  refused("log(id, base = id)", "not a constant")
})

test_that("nothing else is let through, and the part that is wrong is quoted", {
  refused("system(\"touch x\")", "`system(\"touch x\")` uses system()", fixed = TRUE)
  refused("I((function() 1)())", "is not the name of a function")
  refused("get(\"system\")(\"touch x\")", "is not the name of a function")
  refused("log(logp0)(1)", "is not the name of a function")
  refused("eval(parse(text = \"1\"))", "uses eval()", fixed = TRUE)
  refused("logp0 %>% system", "uses %>%()", fixed = TRUE)
  refused("`system`(x)", "uses system()", fixed = TRUE)
  for (text in c("base::system(x)", "x$y", "x[[1]]", "x[1]", "{x}", "x <- 1", "x = 1; y", "function(x) x", "\\(x) x",
                 "if (x) y",
                 "x@y", "-x", "log(-x())", "Recall()", "I(1:1e9)", "I(x <- 2)", "log((\\(x) x)(1))", "quote(x)", "x?y",
                 "log(x, base = system(\"id\"))", "cut(x, breaks = c(1, system(\"id\")))", "log(x, base = y)",
                 "...", "..1",
                 ".", "\"x\"", "0 + x", "x + 3", "x - 1", "NULL", "TRUE", "I(\"x\")", "1i + x")) {
    expect_error(parse_formula(text), class = "formula_problem", info = text)
  }
  refused("y ~ x", "leave out|has a ~")
  refused("", "empty")
  refused("a\nb", "2 expressions")
  refused("pspline(x):y", "part of the sum by itself")
  refused("x | g", "without its parentheses")
  refused("(x | g)", "random slope")
})

test_that("size is bounded: nesting, length, terms, bases", {
  refused(paste0(strrep("(", 1e4), "x", strrep(")", 1e4)), "longer than 2000")
  refused(paste0(strrep("(", 900), "x", strrep(")", 900)), "cannot|can read")
  refused(paste0(strrep("log(", 45), "x", strrep(")", 45)), "nested more than 40 deep|can read")
  refused(paste0("I(", strrep("-", 1900), "x)"), "nested more than 40 deep")
  expect_equal(parse_formula(paste(rep("x", 90), collapse = "+"))$columns, "x")
  refused("(a + b + c + d + e + f + g + h)^5", "more than 100 terms")
  refused(paste(letters, collapse = "*"), "more than 100 terms|nested")
  refused("ns(x, df = 1e6)", "df beyond 20")
  refused("log(x, )", "cannot be read")
  refused("ns(x, knots = c(1, ))", "cannot be read")
  refused("cut(x, 1e9)", "breaks beyond 20")
})

test_that("evaluation reaches nothing but the allowed functions", {
  room <- formula_environment()
  expect_identical(parent.env(room), emptyenv())
  expect_error(eval(quote(system("true")), list(), room), "could not find function")
  expect_error(eval(quote(get("system")), list(), room), "could not find function")
  # A column named like a function is a column; the function of that name stays itself.
  expect_equal(eval(quote(log(log)), list(log = exp(2)), room), 2)
  ways_out <- c("function", "eval", "get", "::", "$", "[", "[[", "<-", "assign", "environment")
  expect_false(any(ways_out %in% ls(room, all.names = TRUE)))
})

test_that("letters of other scripts are names of columns", {
  skip_if_not(l10n_info()[["UTF-8"]], "this locale cannot hold such names")
  expect_equal(parse_formula("caf\u00e9 + log(\u6570)")$columns, c("caf\u00e9", "\u6570"))
})
