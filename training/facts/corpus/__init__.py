"""A corpus: files of text, which of their documents name which facts, and how often."""
