"""Publish trained models of speech: what is kept of a checkpoint, its model card, and the hub."""
