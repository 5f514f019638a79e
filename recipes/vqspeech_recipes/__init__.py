"""Whole experiments, from a corpus to a report. This folder is the package ``vqspeech_recipes``."""
