"""Checkpoints: directories that are whole or not there, what they hold, and which a run keeps."""
