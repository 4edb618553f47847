# What a worker process needs in R, whoever's functions it runs. A list of two functions.
options(
  device = function(...) grDevices::pdf(NULL), # a stray plot must not leave an Rplots.pdf behind
  cli.num_colors = 1L,
  crayon.enabled = FALSE,
  browserNLdisabled = TRUE
)

list(
  # Source every file of an R folder into one environment, in the order of their names.
  # The parent is the global environment, so base, stats and the other default packages are found as in a script.
  read_folder = function(folder) {
    functions <- new.env(parent = globalenv())
    files <- list.files(folder, pattern = "\\.[Rr]$", full.names = TRUE)
    for (file in sort(files, method = "radix")) {
      tryCatch(
        sys.source(file, envir = functions, keep.source = FALSE),
        error = function(e) stop(basename(file), ": ", conditionMessage(e), call. = FALSE)
      )
    }
    functions
  },

  # Call a function by name, and return its value with its error, warnings and messages as data.
  call_captured = function(name, arguments, functions) {
    before <- options()
    on.exit(options(before))
    warnings <- messages <- character()
    error <- NULL
    # Arguments become variables: R then reports the call as run_fit(events = events), not with the table spelled out.
    frame <- new.env(parent = functions)
    symbols <- names(arguments)
    symbols[symbols == ""] <- paste0("argument", seq_along(symbols)[symbols == ""])
    for (i in seq_along(arguments)) assign(symbols[[i]], arguments[[i]], envir = frame)
    call <- as.call(c(str2lang(name), stats::setNames(lapply(symbols, as.name), names(arguments))))
    value <- tryCatch(
      withCallingHandlers(
        eval(call, frame),
        warning = function(w) {
          warnings[[length(warnings) + 1L]] <<- conditionMessage(w)
          tryInvokeRestart("muffleWarning")
        },
        message = function(m) {
          messages[[length(messages) + 1L]] <<- sub("\n$", "", conditionMessage(m))
          tryInvokeRestart("muffleMessage")
        }
      ),
      error = function(e) {
        where <- conditionCall(e)
        where <- if (is.null(where)) "" else paste(deparse(where, 200L, nlines = 2L), collapse = " ")
        error <<- c(conditionMessage(e)[1], class(e)[1], substr(where, 1L, 300L))
        NULL
      }
    )
    list(value, error, warnings, messages)
  }
)
