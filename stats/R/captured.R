# Evaluate an expression and return what it said as data: value (NULL after an error), error (message or ""), condition
# (the error itself), warnings and messages (character, without repeats) and seconds. Nothing reaches the console.
captured <- function(expr) {
  warnings <- messages <- character()
  error <- ""
  condition <- NULL
  began <- proc.time()[["elapsed"]]
  value <- withCallingHandlers(
    tryCatch(expr, error = function(e) {
      error <<- conditionMessage(e)
      condition <<- e
      NULL
    }),
    warning = function(w) {
      warnings <<- c(warnings, conditionMessage(w))
      tryInvokeRestart("muffleWarning")
    },
    message = function(m) {
      messages <<- c(messages, trimws(conditionMessage(m)))
      tryInvokeRestart("muffleMessage")
    }
  )
  list(
    value = value, error = error, condition = condition, warnings = unique(warnings), messages = unique(messages),
    seconds = proc.time()[["elapsed"]] - began
  )
}

# What a model says in the place of an estimate: an error that becomes the fit's status and reason.
no_estimate <- function(reason, status = "not estimable") {
  stop(structure(class = c("no_estimate", "error", "condition"), list(message = reason, call = NULL, status = status)))
}
