"""Training: batches as a function of the step, the Trainer, its figures and processes."""
