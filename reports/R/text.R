# The user's text is never markup. Ids, levels, names, notes and titles reach the page through `escape` alone: each sign
# that any dialect of Markdown could take for its own is written as the number of its character, so that nothing in it
# opens a reference, a table's cell, a shortcode, R code or HTML, with Quarto as with pandoc.

#' Signs that cannot be seen, made visible: line ends and tabs become spaces, other control characters their pictures.
visible <- function(x) {
  x <- enc2utf8(as.character(x)) # a column without any value is logical
  odd <- which(grepl("[[:cntrl:]\u0080-\u009f\u2028\u2029]", x))
  x[odd] <- vapply(x[odd], function(text) {
    code <- utf8ToInt(text)
    code[code %in% c(9:13, 0x85, 0x2028, 0x2029)] <- 32L
    code <- ifelse(code < 32, code + 0x2400L, ifelse(code == 127, 0x2421L, code))
    code[code > 127 & code < 160] <- 0xFFFDL
    intToUtf8(code)
  }, "", USE.NAMES = FALSE)
  x
}

#' Text as characters that mean themselves: every ASCII sign that is no letter, digit or single space by its number.
escape <- function(x) {
  x <- visible(ifelse(is.na(x), "", as.character(x)))
  once <- unique(x)
  signs <- gregexpr("[!-/:-@\\[-`{-~]|^ | $|(?<= ) ", once, perl = TRUE)
  out <- once
  regmatches(out, signs) <- lapply(regmatches(once, signs), function(found) {
    vapply(found, function(sign) if (sign == " ") "&nbsp;" else paste0("&#", utf8ToInt(sign), ";"), "")
  })
  out[match(x, once)]
}

#' Text inside Markdown. What could be taken for markup that was forgotten (page.py looks for it) is marked as given,
#' and text with letters that run from right to left keeps its direction to itself.
md <- function(x) {
  text <- escape(x)
  plain <- ifelse(is.na(x), "", as.character(x))
  odd <- grepl("[@`{?]|:::", plain)
  turned <- grepl("[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]", plain)
  ifelse(odd | turned, paste0("[", text, "]{.given", ifelse(turned, " dir=\"auto\"", ""), "}"), text)
}

#' A text alternative, which stands in an attribute: there a span would be text.
in_attribute <- function(x) escape(worded(x))

#' A heading or caption with `{outcome}` in it.
about <- function(outcome, text) gsub("{outcome}", md(outcome), text, fixed = TRUE)

#' A formula as it is written in code.
code_text <- function(x) paste0("[", escape(x), "]{.given .formula}")

#' The study's title, or its name where it has none; for the head of the document, which is read before all else.
study_title <- function(folder) {
  study <- jsonlite::read_json(file.path(folder, "study.json"))$study
  # In a title Quarto looks for shortcodes however their signs are written: a joiner without width parts two braces.
  gsub("&#123;&#123;", "&#123;&#8288;&#123;", md(c(Filter(nzchar, study$title), study$name)[1]), fixed = TRUE)
}

#' What is the same in successive rows stands in the first of them.
once <- function(x) {
  x <- as.character(x)
  again <- c(FALSE, x[-1] == x[-length(x)])[seq_along(x)]
  replace(x, again, "")
}
