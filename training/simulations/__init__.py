"""Small models of a mechanism that are no language models and write tables like any run."""
