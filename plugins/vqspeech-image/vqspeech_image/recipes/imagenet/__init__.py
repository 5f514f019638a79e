"""Photographs from a folder: one code per position, a prior over them."""
