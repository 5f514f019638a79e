"""Comparison of registered quantizers in a small model, with equal steps and several seeds."""
