"""Analyses of codes and measures of generated speech."""
