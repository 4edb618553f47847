#' What each fit of a plan can run
#'
#' Follows calls through the package's own sources, from [run_fit()] on: a name that stands anywhere in a definition
#' counts as called there, also as an argument or under a local variable of that name, so that too much may be found and
#' too little is not. Of the lists of models (`fitters()`, [model_kinds()]) a fit reaches its own entry only. What
#' stands in a file beside definitions runs whenever the file is read, so every fit reaches it. Comments are no code.
#'
#' @param sources named character: the text of every R file, by its name.
#' @param tasks from [plan_fits()].
#' @return A list of data.frames: `code` (`name` of a definition, or of a list of models with the entry; `text`),
#'   `reached` (`task`, `name`), `packages` (`task`, `package`, `version`: the packages whose functions are named, those
#'   that they need, and R).
#' @export
code_reached <- function(sources, tasks) {
  code <- definitions(sources)
  models <- vapply(tasks, `[[`, "", "fn")
  kinds <- ifelse(models == "model", vapply(tasks, `[[`, "", "model"), "")
  ways <- unique(data.frame(fitters = models, model_kinds = kinds))
  routes <- lapply(seq_len(nrow(ways)), function(i) follow(chosen_entries(code, unlist(ways[i, ]))))
  needs <- needed_packages(unique(unlist(lapply(routes, `[[`, "packages"))))
  way <- match(paste(models, kinds), paste(ways$fitters, ways$model_kinds))
  of_tasks <- function(values) {
    values <- lapply(way, function(i) values[[i]])
    list(task = rep(vapply(tasks, `[[`, "", "id"), lengths(values)), value = unlist(values))
  }
  reached <- of_tasks(lapply(routes, function(route) names(route$texts)))
  packages <- of_tasks(lapply(routes, function(route) unique(c(route$packages, unlist(needs$of[route$packages])))))
  texts <- unlist(lapply(routes, `[[`, "texts"))
  texts <- texts[!duplicated(names(texts))]
  list(
    code = data.frame(name = names(texts), text = unname(texts)),
    reached = data.frame(task = reached$task, name = reached$value),
    packages = data.frame(task = packages$task, package = packages$value,
                          version = unname(needs$version[packages$value]))
  )
}

# Every definition on the top level of the sources, with the names and packages that it mentions; a name that is defined
# twice has both. `always`: all else that stands there.
definitions <- function(sources) {
  parts <- lapply(sources, function(text) as.list(parse(text = text, keep.source = FALSE, encoding = "UTF-8")))
  parts <- unlist(parts, recursive = FALSE, use.names = FALSE)
  defined <- function(part) {
    named <- is_call_of(part, "<-") && (is.symbol(part[[2L]]) || is.character(part[[2L]]))
    if (named) as.character(part[[2L]]) else "always"
  }
  name <- vapply(parts, defined, "")
  parts[name != "always"] <- lapply(parts[name != "always"], `[[`, 3L)
  value <- lapply(split(parts, factor(name, unique(name))), function(own) {
    if (length(own) == 1L) own[[1L]] else as.call(c(as.name("{"), own))
  })
  list(value = value, shown = stats::setNames(nm = names(value)), text = vapply(value, text_of, ""),
       mentions = lapply(value, names_in))
}

text_of <- function(value) {
  exact <- c("keepNA", "keepInteger", "niceNames", "showAttributes", "hexNumeric")
  paste(deparse(value, 500L, control = exact), collapse = "\n")
}

# The code as one fit reaches it: of a list of models, its own entry.
chosen_entries <- function(code, chosen) {
  for (table in intersect(names(chosen), names(code$value))) {
    body <- code$value[[table]]
    at <- 3L # the body of `function`
    if (is_call_of(body[[at]], "{")) at <- c(at, length(body[[at]]))
    models <- body[[at]]
    if (!is_call_of(models, "list")) next # another shape: all of it
    body[[at]] <- models[c(TRUE, names(models)[-1L] == chosen[[table]])]
    code$shown[[table]] <- paste0(table, "$", chosen[[table]])
    code$text[[table]] <- text_of(body)
    code$mentions[[table]] <- names_in(body)
  }
  code
}

# Everything that can be reached from run_fit(), and what is read with the files.
follow <- function(code) {
  known <- names(code$value)
  waiting <- intersect(c("run_fit", "always"), known)
  seen <- character()
  while (length(waiting)) {
    seen <- c(seen, waiting)
    called <- unlist(lapply(code$mentions[waiting], `[[`, "names"))
    # A generic may find its method in here.
    methods <- known[sub("[.][^.]*$", "", known) %in% called]
    waiting <- setdiff(intersect(c(called, methods), known), seen)
  }
  list(texts = stats::setNames(code$text[seen], code$shown[seen]),
       packages = unique(unlist(lapply(code$mentions[seen], `[[`, "packages"), use.names = FALSE)))
}

# Names and packages that an expression mentions; a column after `$` is no name, a text that is called is one.
names_in <- function(expression) {
  found <- packages <- character()
  look <- function(node) {
    if (is.symbol(node)) {
      found <<- c(found, as.character(node))
    } else if (is.pairlist(node)) {
      look_at(as.list(node))
    } else if (is.call(node)) {
      head <- if (is.symbol(node[[1L]])) as.character(node[[1L]]) else ""
      if (head %in% c("::", ":::")) {
        packages <<- c(packages, as.character(node[[2L]]))
        return(invisible())
      }
      if (head %in% calls_by_text) found <<- c(found, unlist(Filter(is.character, as.list(node)[-1L])))
      parts <- as.list(node)
      if (head %in% c("$", "@")) parts <- parts[-3L]
      look_at(parts)
    }
  }
  # An argument may be empty, as in x[, 1].
  look_at <- function(parts) for (i in seq_along(parts)) if (!identical(parts[[i]], quote(expr = ))) look(parts[[i]])
  look(expression)
  list(names = unique(found), packages = unique(packages))
}

calls_by_text <- c("do.call", "match.fun", "get", "get0", "mget", "getFunction", "lapply", "sapply", "vapply", "mapply",
                   "apply", "tapply", "outer", "Map", "Reduce", "Filter", "Recall", "as.name")

# What packages need in turn, and the versions of all.
needed_packages <- function(packages) {
  installed <- utils::installed.packages()
  installed <- installed[!duplicated(installed[, "Package"]), , drop = FALSE]
  of <- tools::package_dependencies(packages, installed, c("Depends", "Imports", "LinkingTo"), recursive = TRUE)
  all <- unique(c(packages, unlist(of)))
  version <- installed[match(all, installed[, "Package"]), "Version"]
  version[is.na(version)] <- "missing"
  version <- c(stats::setNames(version, all), R = as.character(getRversion()))
  list(of = lapply(of, function(names) c(names, "R")), version = version)
}
