"""Corpora of clips with actions."""
