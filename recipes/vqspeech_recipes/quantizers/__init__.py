"""Registered quantizers beside each other: the demo model under one budget, several seeds."""
