"""Measures of generated frames, as functions on arrays."""
