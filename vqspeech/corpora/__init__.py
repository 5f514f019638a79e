"""Readers of corpora, and the 16 kHz store of prepared audio."""
