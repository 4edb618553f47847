"""The room of the statistics: an R package, and beside it the bridge through which Python calls it."""
