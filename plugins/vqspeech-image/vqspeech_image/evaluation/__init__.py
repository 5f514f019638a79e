"""Measures of a model: bits per dimension, fidelity, code use; references without a model."""
