"""Checkpoints: atomic directories, their contents, and the selection that a run keeps."""
