"""Drawing grids of codes from a gated PixelCNN."""

from vqspeech_image.sampling.cached import sample_cached as sample

__all__ = ["sample"]
