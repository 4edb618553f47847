"""Many sequences through a model at once, exactly and within memory."""
