"""PyTorch modules of video."""
