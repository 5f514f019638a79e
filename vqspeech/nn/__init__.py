"""Networks: PyTorch modules and functions on tensors, without files, registry or logging.

Shapes at every public edge: waveforms (batch, time), features and latents (batch, channels, time), codes (batch,
codebooks, time).
"""
