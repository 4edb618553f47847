# Evaluate an expression with random numbers of its own: from `seed`, by one generator whatever RNGkind() says, and with
# the caller's generator left as it was found. `seed = NULL` draws from the caller's.
seeded <- function(seed, expr) {
  if (is.null(seed)) return(expr)
  if (length(seed) != 1L || !is.finite(seed) || seed != round(seed) || abs(seed) > .Machine$integer.max) {
    stop("`seed` is one whole number, not ", toString(seed), call. = FALSE)
  }
  kind <- RNGkind()
  state <- get0(".Random.seed", globalenv(), inherits = FALSE)
  on.exit({
    # A kind of older versions of R ("Rounding") warns whenever it is chosen; it was chosen before.
    suppressWarnings(do.call(RNGkind, as.list(kind)))
    rm(".Random.seed", envir = globalenv())
    if (!is.null(state)) list2env(list(.Random.seed = state), globalenv())
  })
  set.seed(as.integer(seed), "Mersenne-Twister", "Inversion", "Rejection")
  expr
}
