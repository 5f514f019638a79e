"""Voices of trained models: add one from a minute of speech, remove one."""
