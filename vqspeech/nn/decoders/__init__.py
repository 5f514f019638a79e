"""Decoders: latents and speaker to waveforms."""
