"""Drawing grids of codes from a gated PixelCNN: the obvious way, and one whose cost per code does not grow with the grid."""

from vqspeech_image.sampling.cached import sample_cached as sample

__all__ = ["sample"]
