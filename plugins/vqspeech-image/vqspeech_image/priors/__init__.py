"""Priors over grids of codes."""
