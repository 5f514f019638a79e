"""Experiments: what every recipe is given and gives back, and stages that are not repeated."""
