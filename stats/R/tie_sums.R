# Efron's sums over the d tied deaths of one time, k = 0, ..., d - 1. With c = k / d and w = 1 / (r0 - c d0), where r0
# and d0 are the sums of the risks of those at risk and of the deaths: `log` is the sum of -log w, `w` of w, `cw` of
# c w, `ww` of w^2, `cww` of c w^2, `ccww` of c^2 w^2. Breslow's approximation has c = 0. One value per event time.
#
# Few deaths are summed one by one. Many are a difference of gamma functions: r0 - c d0 = b (x - k) with b = d0 / d and
# x = r0 / b, so that the product of them is b^d gamma(x + 1) / gamma(x + 1 - d), and its derivatives are those of
# digamma and trigamma; the sums with c follow from r0 w - c d0 w = 1. This way the time does not grow with the rows.
# Not for few deaths: the difference would lose digits where d is small beside x.
tie_sums <- function(d, r0, d0, ties, one_by_one = 1000) {
  if (ties == "breslow") {
    return(list(log = d * log(r0), w = d / r0, cw = 0 * d, ww = d / r0^2, cww = 0 * d, ccww = 0 * d))
  }
  few <- which(d <= one_by_one)
  sums <- matrix(0, length(d), 6L, dimnames = list(NULL, c("log", "w", "cw", "ww", "cww", "ccww")))
  if (length(few)) {
    time <- rep(few, d[few])
    c <- (sequence(d[few]) - 1) / d[time]
    left <- r0[time] - c * d0[time]
    sums[few, ] <- rowsum(cbind(log(left), 1 / left, c / left, 1 / left^2, c / left^2, (c / left)^2), time)
  }
  many <- which(d > one_by_one)
  if (length(many)) sums[many, ] <- tie_sums_by_gamma(d[many], r0[many], d0[many])
  as.list(as.data.frame(sums))
}

tie_sums_by_gamma <- function(d, r0, d0) {
  b <- d0 / d
  # Where everybody dies, x is d but for rounding.
  x <- pmax(r0 / b, d)
  log <- d * log(b) + lgamma(x + 1) - lgamma(x + 1 - d)
  w <- (digamma(x + 1) - digamma(x + 1 - d)) / b
  ww <- (trigamma(x + 1 - d) - trigamma(x + 1)) / b^2
  cw <- (r0 * w - d) / d0
  cww <- (r0 * ww - w) / d0
  cbind(log, w, cw, ww, cww, (r0 * cww - cw) / d0)
}
