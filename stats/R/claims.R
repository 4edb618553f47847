#' Claims judged by the tables of results
#'
#' A claim is a sentence about the results, written before they are known, with the quantity and the bounds that decide
#' it. The interval decides: *supported* where all of it is within the bounds, *contradicted* where none of it is, else
#' *undecided*. A number that the program itself doubts (see [doubts()]) decides nothing; of a Cox model the penalised
#' one takes its place where it stands on enough. Where there is no number the verdict is *not measured*.
#'
#' Nothing of a claim is run as code: its quantity is the name of an entry of [claim_quantities()], its bounds are
#' numbers.
#'
#' @param claims list of entries of `[[claim]]`: `text`, `quantity`, `expect` (`"> 1"`, `"< 10 %"`, `"between 0.5 and
#'   1.1"`), optionally `paper` (what a paper says), and the keys that the quantity uses.
#' @param plan as for [plan_fits()].
#' @param ... the tables that the quantities read, by name (see [claims_read()]); one that is left out is not there.
#' @return A data.frame of one row a claim, as the table `claims` of `docs/tables.md`.
#' @export
judge_claims <- function(claims, plan, ...) {
  problems <- claim_problems(claims, plan)
  if (length(problems)) {
    first <- problems[[1L]]
    stop(sprintf("claim[%d].%s: %s; %s", first$number, first$key, first$what, first$remedy), call. = FALSE)
  }
  rows <- lapply(seq_along(claims), function(i) judged_claim(i, complete_claim(claims[[i]], plan), plan, list(...)))
  do.call(rbind, rows)
}

#' @rdname judge_claims
#' @details `claims_read()` names the tables that the quantities of these claims are read off.
#' @export
claims_read <- function(claims) {
  unique(unlist(lapply(claims, function(claim) claim_quantities()[[claim$quantity]]$reads)))
}

judged_claim <- function(number, claim, plan, tables) {
  quantity <- claim_quantities()[[claim$quantity]]
  found <- captured({
    absent <- setdiff(quantity$reads, names(tables))
    if (length(absent)) no_estimate(paste("these results hold no table", toString(absent)))
    quantity$value(tables, claim, plan)
  })
  value <- found$value
  if (is.null(value)) {
    said <- paste0("R stopped with: "[!inherits(found$condition, "no_estimate")], found$error)
    value <- claim_value(NA_real_, NA_real_, NA_real_, reason = said)
  }
  bounds <- claim_bounds(claim$expect)
  verdict <- if (is.null(found$value)) "not measured" else claim_verdict(value, bounds)
  rests <- value$without
  if (verdict != "undecided" && !is.null(rests) && claim_verdict(rests, bounds) != verdict) {
    said <- sprintf("this rests on single facts: without %s it is %.3g (%.3g to %.3g)", rests$what, rests$estimate,
                    rests$lower, rests$upper)
    value$reason <- paste(c(said, value$reason[nzchar(value$reason)]), collapse = "; ")
  }
  data.frame(
    number = number, text = claim$text, quantity = claim$quantity, outcome = paste(claim$outcome, collapse = ""),
    what = value$what, model = value$model, task = value$task, expect = claim$expect, scale = quantity$scale,
    estimate = value$estimate, lower = value$lower, upper = value$upper, paper = paste(claim$paper, collapse = ""),
    verdict = verdict, reason = value$reason
  )
}

# What a quantity gives: a number with its interval, of what, where it is from, and what to know about it. `doubt`: why
# it decides nothing.
claim_value <- function(estimate, lower, upper, what = "", model = "", task = "", reason = "", doubt = "") {
  doubt <- paste(doubt, collapse = "; ")
  open <- "it has no interval"[!is.na(estimate) && anyNA(c(lower, upper)) && !nzchar(doubt)]
  said <- c(doubt, open, reason)
  list(estimate = estimate, lower = lower, upper = upper, what = what, model = model, task = task, doubt = doubt,
       reason = paste(said[nzchar(said)], collapse = "; "))
}

claim_verdict <- function(value, bounds) {
  if (nzchar(value$doubt) || anyNA(c(value$lower, value$upper))) return("undecided")
  # The ends of `between` belong to it; `> 1` leaves 1 out.
  beyond <- function(a, b) if (bounds$closed) a > b else a >= b
  if (!beyond(bounds$from, value$lower) && !beyond(value$upper, bounds$to)) return("supported")
  if (beyond(value$lower, bounds$to) || beyond(bounds$from, value$upper)) return("contradicted")
  "undecided"
}

# The bounds that a text such as "> 1" means; NULL where it means none.
claim_bounds <- function(text) {
  number <- "([-+]?[0-9]+(?:[.][0-9]+)?(?:[eE][-+]?[0-9]+)?)( ?%)?"
  parts <- function(pattern) regmatches(text, regexec(paste0("^\\s*", pattern, "\\s*$"), text, perl = TRUE))[[1L]]
  value <- function(number, percent) as.numeric(number) / if (nzchar(percent)) 100 else 1
  one <- parts(paste0("([<>])\\s*", number))
  if (length(one)) {
    bound <- value(one[[3L]], one[[4L]])
    above <- one[[2L]] == ">"
    return(list(from = if (above) bound else -Inf, to = if (above) Inf else bound, closed = FALSE))
  }
  two <- parts(paste0("between\\s+", number, "\\s+and\\s+", number))
  if (!length(two)) return(NULL)
  ends <- c(value(two[[2L]], two[[3L]]), value(two[[4L]], two[[5L]]))
  if (ends[[1L]] < ends[[2L]]) list(from = ends[[1L]], to = ends[[2L]], closed = TRUE)
}
