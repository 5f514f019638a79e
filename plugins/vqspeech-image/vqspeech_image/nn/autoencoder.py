"""The paper's encoder and decoder of images (van den Oord et al. 2017, section 4.1)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """A residual block of 3 x 3 and 1 x 1 convolutions, with optional BatchNorm.

    Parameters
    ----------
    width : channels
    normalised : whether to use BatchNorm
    """

    def __init__(self, width: int, normalised: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=not normalised),
            *norm(width, normalised),
            nn.ReLU(),
            nn.Conv2d(width, width, 1, bias=not normalised),
            *norm(width, normalised),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, width, height, width) to the same shape."""
        return x + self.body(x)


class ConvEncoder(nn.Module):
    """Maps images to a grid of latents by strided convolutions and residual blocks.

    Deviation from the paper: BatchNorm (as in bshall/VectorQuantizedVAE), without which the codes of 8 x 8 x 10 latents
    barely learn in the first thousand steps.

    Parameters
    ----------
    shape : (height, width, channels) of the images, sides multiples of 2^downsamplings
    width, downsamplings, residual_blocks : as in `vqspeech_image.config.ImageModelConfig`
    outputs : channels of latents
    normalised : whether to use BatchNorm
    single : whether to encode the whole image to one latent
    edge_width : as in `vqspeech_image.config.ImageModelConfig`
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        width: int,
        downsamplings: int,
        residual_blocks: int,
        outputs: int,
        normalised: bool,
        single: bool,
        edge_width: int = 0,
    ) -> None:
        super().__init__()
        height, breadth, channels = shape
        stride = 2**downsamplings
        layers = strided(channels, width, downsamplings, normalised, edge_width)
        layers += [ResidualBlock(width, normalised) for _ in range(residual_blocks)]
        kernel = (height // stride, breadth // stride) if single else (1, 1)
        layers += [nn.ReLU(), nn.Conv2d(width, outputs, kernel)]
        self.layers = nn.Sequential(*layers)
        self.grid = (1, 1) if single else (height // stride, breadth // stride)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return latents (batch, outputs, *grid) of pixels (batch, height, width, channels) uint8."""
        return self.layers(pixels.permute(0, 3, 1, 2).float() / 255 - 0.5)


class ConvDecoder(nn.Module):
    """Maps a grid of latents to features per pixel by residual blocks and transposed convolutions.

    Parameters
    ----------
    shape : (height, width, channels) of the images
    inputs : channels of latents
    width, downsamplings, residual_blocks, normalised, single, edge_width : as in `ConvEncoder`
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        inputs: int,
        width: int,
        downsamplings: int,
        residual_blocks: int,
        normalised: bool,
        single: bool,
        edge_width: int = 0,
    ) -> None:
        super().__init__()
        height, breadth, _ = shape
        stride = 2**downsamplings
        kernel = (height // stride, breadth // stride) if single else (1, 1)
        first = nn.ConvTranspose2d(inputs, width, kernel, bias=not normalised)
        layers: list[nn.Module] = [first, *norm(width, normalised)]
        layers += [ResidualBlock(width, normalised) for _ in range(residual_blocks)]
        layers += transposed(width, downsamplings, normalised, edge_width)
        self.layers = nn.Sequential(*layers, nn.ReLU())

    def forward(self, latents: Tensor) -> Tensor:
        """Return features (batch, height, width, edge_width or width) of latents (batch, inputs, *grid)."""
        return self.layers(latents).permute(0, 2, 3, 1)


def strided(inputs: int, width: int, count: int, normalised: bool, edge_width: int = 0) -> list[nn.Module]:
    """Stack 4 x 4 convolutions of stride 2 with BatchNorm and ReLU between."""
    widths = [inputs, *[width] * count]
    if edge_width and count > 1:
        widths[1] = edge_width
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.ReLU()] if layers else []
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=not normalised), *norm(after, normalised)]
    return layers


def transposed(width: int, count: int, normalised: bool, edge_width: int = 0) -> list[nn.Module]:
    """Stack ReLU, transposed 4 x 4 convolution of stride 2, BatchNorm."""
    layers: list[nn.Module] = []
    for before, after in pairwise([*[width] * count, edge_width or width]):
        layers += [nn.ReLU(), nn.ConvTranspose2d(before, after, 4, 2, 1, bias=not normalised), *norm(after, normalised)]
    return layers


def norm(width: int, normalised: bool) -> list[nn.Module]:
    """Make a BatchNorm of `width` channels, or no layers."""
    return [nn.BatchNorm2d(width)] if normalised else []


def drawn_positions(count: int, share: float, generator: torch.Generator | None, device: torch.device) -> Tensor | None:
    """Draw positions for a training loss: a share of `count` without replacement; None for all.

    They are equal for all rows of a batch, so that the loss does not depend on how it is divided among processes.
    """
    if share >= 1 or generator is None:
        return None
    return torch.randperm(count, generator=generator)[: max(1, round(share * count))].to(device)
