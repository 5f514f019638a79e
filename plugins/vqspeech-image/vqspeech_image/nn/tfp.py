"""The network of the TensorFlow Probability blog: images of 28 x 28 through one latent.

Keydana 2019, rstudio/ai-blog, _posts/2019-01-24-vq-vae.

Base depth 32, 5 x 5 filters, ELU after every layer except the last of each half; a 7 x 7 filter without padding reduces
a quarter-size grid to one position. Padding is TensorFlow's ``same``, initial values are Keras's, images are grey in
[0, 1].
"""

from __future__ import annotations

from torch import Tensor, nn

DEPTH = 32
STRIDE = 4
"""Side in pixels of the grid that the filter without padding covers."""


class TFPEncoder(nn.Module):
    """Maps images to one latent.

    Parameters
    ----------
    shape : (height, width, channels), sides multiples of 4; 28 x 28 x 1 in the blog
    outputs : channels of the latent; 16 in the blog
    """

    grid = (1, 1)

    def __init__(self, shape: tuple[int, int, int], outputs: int) -> None:
        super().__init__()
        height, width, channels = shape
        self.layers = nn.Sequential(
            nn.Conv2d(channels, DEPTH, 5, padding=2), nn.ELU(),
            *_halving(DEPTH, DEPTH), nn.ELU(),
            nn.Conv2d(DEPTH, 2 * DEPTH, 5, padding=2), nn.ELU(),
            *_halving(2 * DEPTH, 2 * DEPTH), nn.ELU(),
            nn.Conv2d(2 * DEPTH, 4, (height // STRIDE, width // STRIDE)), nn.ELU(),
            nn.Conv2d(4, outputs, 1),
        )  # fmt: skip
        _as_keras(self)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return latents (batch, outputs, 1, 1) of pixels (batch, height, width, channels) uint8."""
        latents: Tensor = self.layers(pixels.permute(0, 3, 1, 2).float() / 255)
        return latents


class TFPDecoder(nn.Module):
    """Maps one latent to logits of each pixel.

    Parameters
    ----------
    shape, inputs : as in `TFPEncoder`
    """

    def __init__(self, shape: tuple[int, int, int], inputs: int) -> None:
        super().__init__()
        height, width, channels = shape
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(inputs, 2 * DEPTH, (height // STRIDE, width // STRIDE)), nn.ELU(),
            nn.ConvTranspose2d(2 * DEPTH, 2 * DEPTH, 5, padding=2), nn.ELU(),
            *_doubling(2 * DEPTH, 2 * DEPTH), nn.ELU(),
            nn.ConvTranspose2d(2 * DEPTH, DEPTH, 5, padding=2), nn.ELU(),
            *_doubling(DEPTH, DEPTH), nn.ELU(),
            nn.ConvTranspose2d(DEPTH, DEPTH, 5, padding=2), nn.ELU(),
            nn.Conv2d(DEPTH, channels, 5, padding=2),
        )  # fmt: skip
        _as_keras(self)

    def forward(self, latents: Tensor) -> Tensor:
        """Return logits (batch, height, width, channels) of latents (batch, inputs, 1, 1)."""
        logits: Tensor = self.layers(latents)
        return logits.permute(0, 2, 3, 1)


def _halving(inputs: int, outputs: int) -> list[nn.Module]:
    """Make a 5 x 5 filter of stride 2; ``same`` pads one row and column before, two after."""
    return [nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(inputs, outputs, 5, 2)]


def _doubling(inputs: int, outputs: int) -> list[nn.Module]:
    """Make the transpose of `_halving`: one row and column are cut before, two after."""
    return [nn.ConvTranspose2d(inputs, outputs, 5, 2, 1), nn.ZeroPad2d((0, -1, 0, -1))]


def _as_keras(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
