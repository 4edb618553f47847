# How a figure of the page is drawn: as SVG, or as dots where that is smaller (thousands of marks, a heat map); and once
# more for a narrow screen where the chunk asks for it (`narrow: true`). narrow.lua lets the page choose.

figures_in_svg <- function() {
  if (Sys.getenv("FACTSURV_FIGURES") == "png") return(invisible()) # other formats than a page
  registerS3method("knit_print", "ggplot", knit_figure, envir = asNamespace("knitr"))
}

knit_figure <- function(x, options, ...) {
  path <- knitr::fig_path("", options)
  dir.create(dirname(path), recursive = TRUE, showWarnings = FALSE)
  # Older packages (Debian 12's) cannot take a figure apart: there the wide one scrolls on a phone.
  if (isTRUE(options$narrow) && utils::packageVersion("ggplot2") >= "3.5.0") {
    narrow <- narrow_plot(x)
    height <- options$fig.height * narrow_height(x) + max(0, legend_inches(narrow) - 0.5)
    smallest(narrow, paste0(path, "-narrow"), 4.2, min(height, 14))
  }
  wide <- smallest(x, path, options$fig.width, options$fig.height)
  # Drawn before knitr could: it takes the file as it is.
  knitr::include_graphics(wide, dpi = NA)
}

#' Inches that the legends below a plot, or below the parts of one, take.
legend_inches <- function(plot) {
  if (inherits(plot, "patchwork")) {
    return(sum(vapply(seq_along(plot), function(i) legend_inches(plot[[i]]), 0)))
  }
  on_device(function() grDevices::pdf(NULL), {
    grob <- ggplot2::ggplotGrob(plot)
    box <- grob$layout$name == "guide-box-bottom"
    if (!any(box)) 0 else sum(grid::convertHeight(grob$heights[unique(grob$layout$t[box])], "in", valueOnly = TRUE))
  })
}

smallest <- function(plot, path, width, height, dpi = 144, small = 3e4) {
  text <- svg_of(plot, width, height)
  if (!nzchar(text) || nchar(text) > small || grepl("<image", text, fixed = TRUE)) {
    dots <- paste0(path, ".png")
    drawn(plot, dots, function(path) {
      grDevices::png(path, width, height, units = "in", res = dpi, type = "cairo", bg = "white")
    })
    # As text in a page dots take a third more.
    if (!nzchar(text) || nchar(text) > 1.33 * file.size(dots)) return(dots)
    unlink(dots)
  }
  lines <- paste0(path, ".svg")
  writeLines(gsub("\"", "'", text, fixed = TRUE), lines, useBytes = TRUE)
  lines
}
