# What a variance of random effects rests on: a level with one event, or none, says nothing of how levels differ, and
# where many events share a time the treatment of ties takes a part of what the variance would otherwise explain.

# Rows of the table `variances` with `levels_two` (levels with two events or more) and `variance_other` (under the other
# treatment of ties: Breslow's beside Efron's, or the reverse; `under` finds it). Missing where that fit fails, with a
# message among the notes of whoever asks: `attr(, "note")`.
with_its_ground <- function(variances, data, ties, under = NULL) {
  variances$levels_two <- vapply(as.character(variances$grouping), function(grouping) {
    sum(rowsum(as.integer(data$event), as.character(data[[grouping]])) >= 2L)
  }, 0L)
  other <- setdiff(c("efron", "breslow"), ties)
  found <- if (!is.null(under)) captured(under(other))
  variances$variance_other <- if (is.null(found$value)) NA_real_ else unname(found$value)
  if (!is.null(found) && is.null(found$value)) {
    attr(variances, "note") <- sprintf("no variance with ties = \"%s\": %s", other, found$error)
  }
  variances
}
