"""Training: batches as a function of the step, the loop, what it keeps and what it says."""
