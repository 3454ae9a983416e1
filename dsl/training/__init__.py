"""Training: the loop, the run folder, and what is drawn of it."""
