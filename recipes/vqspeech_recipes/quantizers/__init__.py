"""Comparison of registered quantizers in the demo model, with equal steps and several seeds."""
