"""A model that is at hand: read, converted or pretrained, and made ready to be tuned."""
