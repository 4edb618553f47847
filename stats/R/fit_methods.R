#' What R's users expect of a fit
#'
#' Methods for what [cox()], [cloglog()], [cox_firth()], [cox_mixed()], [frailty_gamma()], [aft()], [interval_ph()] and
#' their relatives return: `print()`, and for those who have broom (or generics) and ggplot2, `tidy()`, `glance()` and
#' `autoplot()`.
#'
#' @param x,object a fit.
#' @param exponentiate hazard ratios (of an accelerated failure time model, time ratios) in the place of their logs?
#' @param conf.int the interval as well? Its level is that of the fit.
#' @param ... not used.
#' @return `tidy()` gives one row a coefficient: `term`, `label` (in words, with the unit), `estimate`, `std.error` (the
#'   robust one where there is one), `statistic`, `p.value`, `conf.low`, `conf.high`, and `infinite` where it ran away.
#'   `glance()` gives one row: `n`, `nevent`, `df`, `logLik`, `logLik.null`, `AIC`, `concordance`, `converged`,
#'   `engine`, and `doubt`, why none of its numbers is a finding by itself (see [doubts()]; empty if nothing speaks
#'   against it). `autoplot()` gives a ggplot: each estimate with its interval on a log scale; what ran away is left
#'   out and named below. `print()` returns its argument.
#' @name fit_methods
#' @examples
#' learned <- simulate_learning(facts = 120, seed = 1)
#' ready <- analysis_data(learned, "acquisition", "first", c("latent", "popularity"), standardise = TRUE)
#' fit <- cox(ready$data, ready$covariates, cluster = "fact_id", terms = ready$terms)
#' fit
#' if (requireNamespace("generics", quietly = TRUE)) {
#'   generics::tidy(fit, exponentiate = TRUE)
#'   generics::glance(fit)
#' }
#' if (requireNamespace("ggplot2", quietly = TRUE)) ggplot2::autoplot(fit)
NULL

# A fit's list, with the class that the methods below are for.
new_fit <- function(...) structure(list(...), class = "factsurv_fit")

# Its coefficients in one form: those of an accelerated failure time model are of the chosen distribution, and ratios of
# times.
coefficients_of <- function(x) {
  rows <- x$tables$coefficients
  if (!is.null(rows) || is.null(x$tables$aft)) return(rows)
  rows <- x$tables$aft[x$tables$aft$chosen, ]
  rows$hr <- rows$time_ratio
  rows$z <- rows$estimate / ifelse(is.na(rows$se_robust), rows$se, rows$se_robust)
  rows
}

#' @rdname fit_methods
#' @export
print.factsurv_fit <- function(x, ...) {
  cat(x$fit$formula, "\n", sep = "")
  said <- glance_row(x)
  cat(sprintf("%s%s, log likelihood %.2f%s\n", if (is.na(said$n)) "" else sprintf("n = %d, ", said$n),
              if (is.na(said$nevent)) x$fit$engine else sprintf("%d events, %s", said$nevent, x$fit$engine),
              said$logLik, if (is.na(said$df)) "" else sprintf(" on %g degrees of freedom", said$df)))
  rows <- coefficients_of(x)
  if (NROW(rows)) {
    shown <- data.frame(
      ratio = signif(rows$hr, 3), lower = signif(rows$lower, 3), upper = signif(rows$upper, 3),
      p = format.pval(rows$p, digits = 2, eps = 0.001)
    )
    shown[rows$infinite, ] <- "no finite estimate"
    print(structure(shown, row.names = make.unique(rows$label)))
  }
  for (text in c(x$doubt, x$remarks, x$notes)) cat(strwrap(paste("!", text), exdent = 2), sep = "\n")
  invisible(x)
}

#' @rdname fit_methods
#' @exportS3Method generics::tidy
tidy.factsurv_fit <- function(x, conf.int = TRUE, exponentiate = FALSE, ...) { # nolint: object_name. As in broom.
  rows <- coefficients_of(x)
  robust <- !is.na(rows$se_robust)
  ends <- list(rows$lower, rows$upper)
  if (!exponentiate) ends <- lapply(ends, log)
  found <- data.frame(
    term = rows$term, label = rows$label, estimate = if (exponentiate) rows$hr else rows$estimate,
    std.error = ifelse(robust, rows$se_robust, rows$se), statistic = rows$z, p.value = rows$p
  )
  if (conf.int) found[c("conf.low", "conf.high")] <- ends
  found$infinite <- rows$infinite
  found
}

#' @rdname fit_methods
#' @exportS3Method generics::glance
glance.factsurv_fit <- function(x, ...) glance_row(x)

glance_row <- function(x) {
  value <- function(name, none = NA_real_) if (length(x$fit[[name]])) x$fit[[name]] else none
  counted <- function(...) {
    found <- unlist(lapply(c(...), function(name) if (is.list(x$object)) x$object[[name]]))
    if (length(found)) as.integer(found[[1L]]) else NA_integer_
  }
  data.frame(
    n = counted("n"), nevent = counted("nevent"), df = value("df"), logLik = value("loglik"),
    logLik.null = value("loglik_null"), AIC = value("aic"), concordance = value("concordance"),
    converged = value("converged", NA), engine = value("engine", ""), doubt = paste(x$doubt, collapse = "; ")
  )
}

#' @rdname fit_methods
#' @exportS3Method ggplot2::autoplot
autoplot.factsurv_fit <- function(object, ...) {
  rows <- coefficients_of(object)
  drawn <- rows[!rows$infinite & is.finite(rows$lower) & is.finite(rows$upper), ]
  drawn$label <- factor(drawn$label, rev(unique(drawn$label)))
  missing <- setdiff(rows$label, drawn$label)
  column <- as.name
  shown <- ggplot2::aes(!!column("hr"), !!column("label"), xmin = !!column("lower"), xmax = !!column("upper"))
  ggplot2::ggplot(drawn, shown) +
    ggplot2::geom_vline(xintercept = 1, colour = "grey50", linetype = 2) +
    ggplot2::geom_pointrange() +
    ggplot2::scale_x_log10() +
    ggplot2::labs(
      x = "ratio, with its interval", y = NULL, title = object$fit$formula,
      caption = paste(c(object$doubt, sprintf("no finite estimate: %s", toString(missing))[length(missing) > 0L]),
                      collapse = "\n")
    )
}
