"""Frames of video: one code per position, three latents for a whole frame."""
