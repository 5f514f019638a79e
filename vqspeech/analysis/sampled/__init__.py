"""Measures of codes that were drawn from a prior, beside codes of real speech and of n-grams."""
