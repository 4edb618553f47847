# Figures as SVG by R's own device, made small: it writes every number with six decimals, every style in full and every
# clip anew, five times what a page needs. Letters are outlines, so that they look the same on every machine.

#' The SVG of a plot, as text; "" where it has more marks than a picture of as many dots is worth.
svg_of <- function(plot, width, height, most = 3e5) {
  path <- tempfile(fileext = ".svg")
  on.exit(unlink(path))
  drawn(plot, path, function(path) grDevices::svg(path, width, height, bg = "white"))
  if (file.size(path) > most) return("")
  smaller_svg(paste(readLines(path, warn = FALSE), collapse = "\n"))
}

#' Draw into a file.
drawn <- function(plot, path, device) on_device(function() device(path), print(plot))

#' What `act` gives on a device of its own; then the one that was open goes on.
on_device <- function(open, act) {
  before <- grDevices::dev.cur()
  open()
  on.exit({
    grDevices::dev.off()
    if (before > 1) grDevices::dev.set(before)
  })
  force(act)
}

smaller_svg <- function(x) {
  x <- sub("^<\\?xml.*?\\?>\n", "", x, perl = TRUE)
  x <- gsub("\\s*\n\\s*", "", x, perl = TRUE)
  x <- replaced(x, "rgb\\([^)]*\\)", function(found) {
    parts <- lapply(strsplit(gsub("rgb\\(|[%)]", "", found), ","), as.numeric)
    vapply(parts, function(v) do.call(grDevices::rgb, as.list(v / 100)), "")
  })
  x <- outlines(x)
  x <- replaced(x, "[0-9]+\\.[0-9]{2,}", function(found) as.character(round(as.numeric(found), 2)))
  defaults <- c("stroke-opacity:1", "fill-opacity:1", "stroke-miterlimit:10", "fill-rule:nonzero",
    "stroke-linecap:butt", "stroke-linejoin:miter")
  x <- gsub(paste0("(", paste(defaults, collapse = "|"), ");"), "", x)
  x <- gsub("fill:([^;\"]+);stroke:none;|\\s*stroke:none;fill:([^;\"]+);", "fill:\\1\\2;", x, perl = TRUE)
  x <- gsub(" (clip-rule=\"nonzero\"|overflow=\"visible\"|version=\"1.1\"|xmlns:xlink=\"[^\"]*\")", "", x, perl = TRUE)
  x <- gsub("xlink:href", "href", gsub("glyph([0-9]+)-", "g\\1-", x), fixed = TRUE)
  same_clips(short_styles(x))
}

#' Paths as whole numbers, each from where the last one ended: of letters in 32nds of a point, of others in tenths.
outlines <- function(x) {
  letter <- "<symbol [^>]*><path style=\"stroke:none;\" d=\"[^\"]*\""
  x <- replaced(x, letter, function(found) {
    d <- vapply(sub(".* d=\"([^\"]*)\"", "\\1", found), letter_outline, "")
    paste0(sub("><path.*", "", found), "><path transform=\"scale(.03125)\" d=\"", d, "\"")
  })
  replaced(x, "d=\"[^\"]*\\.[^\"]*\"", function(found) {
    paste0("d=\"", vapply(substring(found, 4, nchar(found) - 1), relative, "", each = 10, unit = 10), "\"")
  })
}

# Figures share their letters.
letters_drawn <- new.env()
letter_outline <- function(d) {
  key <- paste0("d", d) # a space has no outline
  if (is.null(letters_drawn[[key]])) letters_drawn[[key]] <- relative(d, 32)
  letters_drawn[[key]]
}

#' A path of M, L, C and Z in steps of `1 / each`, told in `unit` of them.
relative <- function(d, each, unit = 1) {
  words <- strsplit(trimws(d), "[ ,]+")[[1]]
  value <- suppressWarnings(as.numeric(words))
  command <- is.na(value)
  xy <- matrix(round(value[!command] * each), 2)
  if (!length(xy)) return(d)
  points <- c(M = 1, L = 1, C = 3, Z = 0)[words[command]]
  of <- rep(seq_along(points), points) # the command of each point
  ends <- cumsum(points)
  # Where a command begins: at the end of the one before, and after Z at the start of its figure.
  starts <- matrix(0, 2, length(points))
  at <- first <- c(0, 0)
  for (i in seq_along(points)) {
    starts[, i] <- at
    if (points[i]) at <- xy[, ends[i]] else at <- first
    if (names(points)[i] == "M") first <- at
  }
  step <- (xy - starts[, of, drop = FALSE]) / unit
  said <- sub("^(-?)0\\.", "\\1.", as.character(step))
  said <- paste0(ifelse(startsWith(said, "-"), "", ","), said) # no spaces: in an address each takes three signs
  told <- vapply(seq_along(points), function(i) {
    paste0(tolower(names(points)[i]), sub("^,", "", paste(said[rep(of, each = 2) == i], collapse = "")))
  }, "")
  moves <- names(points) == "M"
  told <- told[!(moves & seq_along(points) == length(points) & length(points) > 1)]
  paste(told, collapse = "")
}

#' One class for each style that is used.
short_styles <- function(x) {
  styles <- unique(regmatches(x, gregexpr("style=\"[^\"]*\"", x))[[1]])
  names <- paste0("s", seq_along(styles))
  x <- replaced(x, "style=\"[^\"]*\"", function(found) sprintf("class=\"%s\"", names[match(found, styles)]))
  rules <- paste0(".", names, "{", sub("^style=\"\\s*(.*)\"$", "\\1", styles), "}", collapse = "")
  rules <- paste0("symbol{overflow:visible}image{image-rendering:pixelated}", rules)
  sub("(<svg[^>]*>)", paste0("\\1<style>", rules, "</style>"), x)
}

#' Clips of one shape are one, and neighbours within it one group.
same_clips <- function(x) {
  pattern <- "<clipPath id=\"[^\"]*\">.*?</clipPath>"
  clips <- regmatches(x, gregexpr(pattern, x, perl = TRUE))[[1]]
  if (!length(clips)) return(x)
  ids <- sub(".*?id=\"([^\"]*)\".*", "\\1", clips, perl = TRUE)
  shapes <- sub("<clipPath id=\"[^\"]*\">", "", clips)
  x <- replaced(x, pattern, function(found) ifelse(duplicated(shapes), "", found))
  x <- replaced(x, "url\\(#[^)]*\\)", function(found) {
    own <- match(gsub("url\\(#|\\)", "", found), ids)
    ifelse(is.na(own), found, sprintf("url(#%s)", ids[match(shapes, shapes)][own]))
  })
  repeat {
    joined <- gsub("(<g clip-path=\"[^\"]*\">)((?:(?!</?g).)*)</g>\\1", "\\1\\2", x, perl = TRUE)
    if (identical(joined, x)) return(x)
    x <- joined
  }
}

replaced <- function(x, pattern, by) {
  at <- gregexpr(pattern, x, perl = TRUE)
  found <- regmatches(x, at)[[1]]
  if (length(found)) regmatches(x, at) <- list(by(found))
  x
}
