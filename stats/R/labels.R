# Labels that no two values share.

# Combinations of columns as one factor, in the order of their levels. interaction() pastes the levels and takes those
# that read alike for one: 1 and 5.2 for 1.5 and 2. It also writes out every combination there could be: 50,000 facts in
# 1,000 groups are text enough to fill the memory.
crossed <- function(parts, sep = ", ") {
  parts <- lapply(unname(as.list(parts)), function(part) {
    if (is.factor(part)) return(list(code = bare_codes(part), size = nlevels(part), label = levels(part)))
    known <- sort(unique(part))
    list(code = match(part, known), size = length(known), label = if (is.numeric(known)) exactly(known) else known)
  })
  key <- Reduce(function(key, part) (key - 1) * part$size + part$code, parts, 1)
  used <- sort(unique(key))
  first <- match(used, key)
  labels <- do.call(paste, c(lapply(parts, function(part) part$label[part$code[first]]), sep = sep))
  structure(match(key, used), levels = make.unique(labels), class = "factor")
}

# Numbers in as many digits as tell any two of them apart that a fit tells apart.
exactly <- function(x) vapply(x, format, "", digits = 15L)
