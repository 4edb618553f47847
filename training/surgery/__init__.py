"""Changing a model by hand: sums of runs' weights, layers put back, what each component adds."""
