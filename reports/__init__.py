"""The report: a Quarto document, what it looks like, and the renderer. It reads finished artefacts only."""
