"""Fact sets that need no download: they are read from installed packages, or invented."""
