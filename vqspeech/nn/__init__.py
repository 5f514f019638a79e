"""The networks: PyTorch modules and functions on tensors, nothing else (no files, no names looked up, no logging).

Shapes at every public edge: waveforms (batch, time), features and latents (batch, channels, time), codes (batch,
codebooks, time).
"""
