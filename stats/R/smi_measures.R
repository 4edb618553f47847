#' How much a corpus tells of a fact: co-occurrence, mutual information, and this with the model's size
#'
#' I = p_so log2(p_so / (p_s p_o)), the joint-presence term alone; b = trunc(`bins` log2 I) / `bins`, cut towards zero;
#' Norm = (b - min b) / (max b - min b) over the facts that are kept; SMI = Norm^(1 + 1/Phi), Phi = log2(parameters).
#' CO-OCCUR is Norm of the number of documents with both. A fact is kept where I > 0.
#'
#' Two releases of the formula exist. `"october"` (2025) is the one above. `"may"` keeps facts with I of at least 2^-30,
#' has Norm = (b + 30) / 30 for MI and SMI, and Phi = parameters / 1e9.
#'
#' @param n_subject,n_object,n_both documents with the subject, the object, both.
#' @param documents of the corpus.
#' @param parameters of the model.
#' @param formula `"october"` or `"may"`.
#' @param bins bins in a unit of log2.
#' @return A data.frame: `information` (bits), and `co_occur`, `mi`, `smi`, missing of a fact that is not kept.
#' @references Jiang et al. (2025), arXiv 2502.04066.
#' @examples
#' smi_measures(c(8, 8), c(8, 4), c(8, 4), documents = 64, parameters = 2^20)
#' @export
smi_measures <- function(n_subject, n_object, n_both, documents, parameters = NULL, formula = "october", bins = 5) {
  if (!formula %in% c("october", "may")) {
    stop("there is no formula '", formula, "' of SMI: \"october\" or \"may\"", call. = FALSE)
  }
  wrong <- which(n_both > pmin(n_subject, n_object) | pmax(n_subject, n_object) > documents)
  if (length(wrong)) stop("row ", wrong[[1L]], ": both names in more documents than one of them", call. = FALSE)
  met <- n_both > 0
  together <- n_both / documents
  by_chance <- pmax(as.double(n_subject) * n_object, 1) # as doubles: products of large whole numbers overflow
  information <- ifelse(met, together * log2(as.double(n_both) * documents / by_chance), 0)
  kept <- if (formula == "may") information >= 2^-30 else information > 0
  may <- formula == "may"
  mi <- normed(information, kept, bins, if (may) c(-30, 0))
  exponent <- if (is.null(parameters)) NA_real_ else 1 + 1 / if (may) parameters / 1e9 else log2(parameters)
  data.frame(information = information, co_occur = normed(n_both, kept, bins), mi = mi, smi = mi^exponent)
}

# From 0 to 1 over the bins of log2 of what is kept, or between given ends.
normed <- function(value, kept, bins, ends = NULL) {
  out <- rep(NA_real_, length(value))
  if (!any(kept)) return(out)
  bin <- trunc(bins * log2(value[kept])) / bins
  if (is.null(ends)) ends <- range(bin)
  out[kept] <- if (diff(ends) > 0) (bin - ends[[1L]]) / diff(ends) else 0
  out
}
