"""What models of images are given, and the bounds that they are compared by."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vqspeech.nn.batch import moved
from vqspeech.nn.share import Share


class ImageBatch(NamedTuple):
    """Images.

    Parameters
    ----------
    pixels : (batch, height, width, channels) uint8
    labels : (batch,) int64 classes, -1 where unknown
    share : position of these images in a global batch; None when they are the whole batch
    """

    pixels: Tensor
    labels: Tensor
    share: Share | None = None

    def to(self, device: torch.device) -> ImageBatch:
        """Copy the batch to a device."""
        return self._replace(pixels=moved(self.pixels, device), labels=moved(self.labels, device))

    @property
    def weight(self) -> float:
        """Part of the global batch's images that these are."""
        return 1.0 if self.share is None else len(self.pixels) / self.share.rows


class Bound(NamedTuple):
    """An upper bound of -log p(x), in nats per image.

    Parameters
    ----------
    total : (batch,)
    reconstruction : (batch,) -log p(x | z); None where the bound is no such sum
    latent : (batch,) cost of the latents; None likewise
    """

    total: Tensor
    reconstruction: Tensor | None = None
    latent: Tensor | None = None
