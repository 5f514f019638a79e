"""Codes compared with phones."""
