"""Recipes of video."""
