"""Measures of speech: level, pitch, spectral distance, speaker."""
