"""Priors: distributions over codes, of speech and of anything else."""
