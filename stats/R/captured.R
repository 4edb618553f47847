# Evaluate an expression and return what it said as data: value (NULL after an error), error (message or ""),
# warnings and messages (character, without repeats) and seconds. Nothing reaches the console.
captured <- function(expr) {
  warnings <- messages <- character()
  error <- ""
  began <- proc.time()[["elapsed"]]
  value <- withCallingHandlers(
    tryCatch(expr, error = function(e) {
      error <<- conditionMessage(e)
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
    value = value, error = error, warnings = unique(warnings), messages = unique(messages),
    seconds = proc.time()[["elapsed"]] - began
  )
}
