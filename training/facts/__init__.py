"""What can be known: fact sets, where they come from, and how they become tokens. No model."""
