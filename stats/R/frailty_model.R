#' The kind `frailty`: a Cox model with random effects
#'
#' @inheritParams cox_mixed
#' @param random character, grouping columns; `"a/b"` is b nested in a: one effect for each level of a, and one for each
#'   level of b within it.
#' @param engine `"auto"`, `"coxme"` or `"fast"` (normal random effects, one or several: `mixed_engine` of
#'   [cox_mixed()]), `"gamma"` or `"gaussian"` (one, by survival).
#' @return As [cox_mixed()], [frailty_gamma()].
#' @export
frailty_model <- function(data, covariates, random, strata = character(), ties = "efron", conf = 0.95,
                          terms = describe_terms(data, covariates), engine = "auto", cluster = "",
                          zph = "identity") {
  nested <- nested_columns(data, random)
  fit <- switch(engine, gamma = frailty_gamma, gaussian = gaussian_stand_in, cox_mixed)
  args <- list(data = nested$data, covariates = covariates, random = nested$random, strata = strata, ties = ties,
               conf = conf, terms = terms, cluster = cluster, zph = zph)
  if (engine == "gaussian") args$asked <- TRUE
  if (engine %in% mixed_engines) args$mixed_engine <- engine
  result <- do.call(fit, args, quote = TRUE)
  result$remarks <- c(nested$remarks, result$remarks)
  spelled <- function(text) {
    for (made in names(nested$written)) text <- gsub(made, nested$written[[made]], text, fixed = TRUE)
    text
  }
  told <- intersect(names(result), c("fit", "tables", "remarks", "notes", "reason"))
  result[told] <- rapply(result[told], spelled, classes = "character", how = "replace")
  result
}

# "a/b" as two crossed groupings, a and every combination of a and b that occurs: the same model, in coxme's own words
# (1 | a/b), and every grouping then has a name: a plain one (.a.b) for R, "a/b" for people.
nested_columns <- function(data, random) {
  plain <- written <- remarks <- character()
  for (entry in random) {
    parts <- strsplit(entry, "/", fixed = TRUE)[[1L]]
    within <- parts[[1L]]
    made <- within
    for (i in seq_along(parts)[-1L]) {
      name <- make.names(paste0(".", paste(parts[seq_len(i)], collapse = ".")))
      data[[name]] <- crossed(data[parts[seq_len(i)]], "/")
      shown <- paste(parts[seq_len(i)], collapse = "/")
      if (coincide(data[[name]], data[[within]])) {
        remarks <- c(remarks, sprintf("no random effect of %s: it coincides with %s", shown, parts[[i - 1L]]))
        next
      }
      written[[paste0("(1 | ", paste(within, name, sep = ") + (1 | "), ")")]] <- sprintf("(1 | %s)", shown)
      written[[name]] <- shown
      made <- c(made, name)
      within <- name
    }
    plain <- c(plain, made)
  }
  list(data = data, random = unique(plain), written = written, remarks = remarks)
}

check_frailty <- function(model) {
  if (!length(model$random)) {
    return(c(random = "random effects need a grouping: random = [\"group\"], or (1 | group) in the formula"))
  }
  several <- length(model$random) > 1L || any(grepl("/", model$random, fixed = TRUE))
  if (several && !model$engine %in% mixed_engines) {
    return(c(random = "gamma and gaussian frailties have one grouping; engine = \"coxme\" takes several"))
  }
  character()
}
