"""Facts, prompts, models, fine-tuning and the exact probe."""
