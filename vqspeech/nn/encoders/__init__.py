"""Encoders: waveforms to latents."""
