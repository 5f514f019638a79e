"""Measures of a model: exact bits per dimension, fidelity of reconstructions, code use; yardsticks without a model."""
