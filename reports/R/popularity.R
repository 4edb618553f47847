# Recipes compared fact by fact: on the best-known and the least-known withheld facts, in attention, at other settings.

# Models of that kind: their outcomes are no events.
paired_models <- c("popularity", "attention-change", "sweep", "phases", "mean-ranks", "smi", "localisation")

popularity_data <- function(results) pick(results$popularity, rule = results$rule, model = "popularity")

paired_of <- function(results, model) pick(results$paired, rule = results$rule, model = model)

#' "**7.3 percentage points fewer are answered** (95 % interval 4.9 to 9.6 fewer)", or that no difference shows.
say_points <- function(x, unit = "percentage point", less = "fewer", more = "more", verb = " are answered",
                       digits = 1) {
  value <- function(v) formatC(abs(100 * v), format = "f", digits = digits)
  word <- function(v) if (v < 0) less else more
  if (anyNA(c(x$lower, x$upper))) return("no two facts differ, so that nothing tells how sure a difference is")
  if (x$lower <= 0 && x$upper >= 0) {
    return(paste0("no difference shows (", value(x$lower), " ", less, " to ", value(x$upper), " ", more, ")"))
  }
  ends <- sort(abs(c(x$lower, x$upper)))
  paste0("**", value(x$estimate), " ", unit, if (as.numeric(value(x$estimate)) != 1) "s", " ", word(x$estimate), verb,
    "** (95 % interval ", value(ends[1]), " to ", value(ends[2]), " ", word(x$estimate), ")")
}

# The row of a part of the facts that is nearest to a share.
at_share <- function(d, part, share) {
  d <- d[d$part == part, , drop = FALSE]
  utils::head(d[order(abs(d$share - share)), , drop = FALSE], 1)
}

#' How the others compare with the first recipe on the best-known and the least-known quarter, and on all.
say_popularity <- function(results, share = 0.25) {
  d <- popularity_data(results)
  own <- by_itself(d)
  own <- own[own$part == "top" & own$share == 1, ]
  first <- md(level_order(d$arm)[1])
  lines <- vapply(split(against_first(d), droplevels(against_first(d)$arm)), function(x) {
    top <- at_share(x, "top", share)
    paste0("- **", md(as.character(x$arm[1])), "** against ", first, ": of the best-known ", fmt_percent(top$share, 0),
      " of the withheld facts ", say_points(top), "; of the least-known ", fmt_percent(top$share, 0), " ",
      say_points(at_share(x, "bottom", share)), "; of all of them ", say_points(at_share(x, "top", 1)), ".")
  }, "")
  paste0("At the end of training the share of the withheld facts that is answered is ",
    list_words(paste0(fmt_percent(own$estimate), " (", md(as.character(own$arm)), ")")), ". Each of these facts was ",
    "put to every recipe, so the differences are within facts. Their intervals are for one part of the facts; the ",
    "first page tells the larger of two, with the band that holds the whole curve.\n\n", paste(lines, collapse = "\n"))
}

#' The first screen's sentence: the second recipe of the study file against the first, whatever the others show, by the
#' band that holds the whole curve. One number, where the difference is larger.
finding_of_popularity <- function(results, share = 0.25) {
  d <- against_first(popularity_data(results))
  x <- d[d$arm == level_order(d$arm)[1], ]
  parts <- rbind(at_share(x, "top", share), at_share(x, "bottom", share))
  told <- (parts$se > 0) %in% TRUE & is.finite(parts$band_lower) # else no fact differs
  if (!any(told)) return("")
  shown <- told & (parts$band_lower > 0 | parts$band_upper < 0)
  larger <- seq_len(2) == which.max(abs(parts$estimate) * shown)
  words <- ifelse(parts$estimate < 0, "fewer", "more")
  points <- function(v) formatC(100 * v, format = "f", digits = 1)
  ends <- lapply(list(pmin, pmax), function(f) points(f(abs(parts$band_lower), abs(parts$band_upper))))
  size <- ifelse(larger, paste0(points(abs(parts$estimate)), " percentage points "), "")
  interval <- ifelse(larger, paste0(" (", ends[[1]], " to ", ends[[2]], ")"), "")
  signed <- function(v) paste(points(abs(v)), ifelse(v < 0, "fewer", "more"))
  # Where one part shows a difference its numbers are enough for a first screen.
  span <- if (any(shown)) "" else paste0(" (", signed(parts$band_lower), " to ", signed(parts$band_upper), ")")
  open <- paste0("no difference shows", span)
  said <- ifelse(shown, paste0("**", size, words, "**", interval, " are answered"),
    ifelse(told, open, "no fact differs"))
  of <- if (abs(parts$share[1] - 0.25) < 1e-9) "quarter" else fmt_percent(parts$share[1], 0)
  paste0("::: {.finding}\n", pictures(), "\n\n**[Which facts to train on.](#popularity)** With ",
    md(as.character(x$arm[1])),
    " in place of ", md(level_order(d$reference)[1]), ", of the best-known ", of, " of the withheld facts ", said[1],
    "; of the least-known ", said[2], ".\n:::")
}

figure_popularity <- function(results) plot_popularity(popularity_data(results), worded)

alt_popularity <- function(results) {
  d <- popularity_panels(popularity_data(results))
  ends <- function(x) {
    x <- x[order(x$share), ]
    paste0(x$arm[1], " from ", fmt_percent(x$estimate[1]), " to ", fmt_percent(x$estimate[nrow(x)]))
  }
  of_panel <- function(x) list_words(vapply(split(x, droplevels(factor(x$arm))), ends, ""))
  panels <- split(d, d$panel, drop = TRUE)
  paste("Curves by the share x of the withheld facts, with bands.", paste0(names(panels),
    ", from the smallest x to all: ", vapply(panels, of_panel, ""), ".", collapse = " "))
}

table_popularity <- function(results, shares = c(0.1, 0.25, 0.5, 1)) {
  d <- popularity_data(results)
  d <- d[vapply(d$share, function(s) any(abs(s - shares) < 1e-9), NA), ]
  d <- d[!(d$part == "bottom" & d$share == 1), ]
  ref <- reference_of(d)
  part <- ifelse(d$share == 1, "all", paste0(ifelse(d$part == "top", "best-known ", "least-known "),
    fmt_percent(d$share, 0)))
  points <- function(x) {
    or_dash(x, paste0(ifelse(x < 0, "\u2212", ""), formatC(abs(100 * x), format = "f", digits = 1)))
  }
  md_table(data.frame(Recipe = ifelse(nzchar(ref), paste(d$arm, "less", ref), as.character(d$arm)),
    "Withheld facts" = part, Number = fmt_n(d$facts), "Answered, or difference (%)" = points(d$estimate),
    "95 % interval" = paste(points(d$lower), "to", points(d$upper)),
    "95 % band of the curve" = paste(points(d$band_lower), "to", points(d$band_upper)), check.names = FALSE), "llrrrr")
}
