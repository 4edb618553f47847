"""What is measured at a checkpoint, and when."""
