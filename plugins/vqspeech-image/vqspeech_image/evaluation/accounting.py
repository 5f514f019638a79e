"""Bits per dimension, term by term.

The paper's figure for CIFAR-10 is [-log p(x | z_q(x)) + N log K] / (3072 log 2) with N codes under a uniform prior (van
den Oord et al. 2017, section 3.2: log p(x) >= log p(x | z_q(x)) p(z_q(x)) by Jensen). A learned prior replaces N log K
by its own cost of the codes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vqspeech_image.nn.batch import ImageBatch
from vqspeech_image.nn.levels import Level
from vqspeech_image.store import ImageStore

AT_ONCE = 32
"""Images per pass; a softmax of 256 over 32 images of 32 x 32 x 3 takes 100 MB."""


@dataclass(frozen=True, kw_only=True)
class Accounting:
    """An upper bound of -log2 p(x) per dimension and its terms; nats are means over images.

    Parameters
    ----------
    model : name of the model
    images, dimensions : their number, and height * width * channels of each
    total_nats : the bound
    reconstruction_nats, latent_nats : its two terms, or None
    latent_words : origin of the second term, in words
    standard_error : standard error of the bits per dimension over images, or None
    """

    model: str
    images: int
    dimensions: int
    total_nats: float
    reconstruction_nats: float | None
    latent_nats: float | None
    latent_words: str
    standard_error: float | None

    @property
    def bits_per_dimension(self) -> float:
        """total_nats / (dimensions * log 2)."""
        return self.total_nats / (self.dimensions * math.log(2))

    def lines(self) -> list[str]:
        """Format the sum so that a reader can check it."""
        per = f"({self.dimensions} log 2)"
        head = f"{self.model}, {self.images} images of {self.dimensions} dimensions"
        if self.reconstruction_nats is None or self.latent_nats is None:
            return [
                f"{head}: {self.total_nats:.2f} nats / {per} = {self.bits_per_dimension:.4f} bits/dim; "
                f"{self.latent_words}"
            ]
        scale = self.dimensions * math.log(2)
        error = "" if self.standard_error is None else f", standard error {self.standard_error:.4f}"
        return [
            head,
            f"  reconstruction  {self.reconstruction_nats:12.2f} nats  {self.reconstruction_nats / scale:8.4f} "
            "bits/dim",
            f"  latents         {self.latent_nats:12.2f} nats  {self.latent_nats / scale:8.4f} bits/dim   "
            f"{self.latent_words}",
            f"  sum             {self.total_nats:12.2f} nats  {self.bits_per_dimension:8.4f} bits/dim   / {per}{error}",
        ]

    def summary(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return {
            "model": self.model,
            "images": self.images,
            "dimensions": self.dimensions,
            "reconstruction_nats": self.reconstruction_nats,
            "latent_nats": self.latent_nats,
            "latents": self.latent_words,
            "total_nats": self.total_nats,
            "bits_per_dimension": self.bits_per_dimension,
            "standard_error": self.standard_error,
        }


def account(
    model: Any, name: str, store: ImageStore, rows: npt.NDArray[np.int64], *, at_once: int = AT_ONCE
) -> Accounting:
    """Compute the bound of a model over some images of a store.

    Parameters
    ----------
    model : a model of `vqspeech_image.models`, in evaluation mode
    name : name in the listing
    rows : indices of images
    at_once : images in memory at a time
    """
    totals, reconstructions, latents = [], [], []
    device = next(model.parameters()).device
    for begin in range(0, len(rows), at_once):
        chosen = rows[begin : begin + at_once]
        batch = ImageBatch(torch.from_numpy(np.array(store.pixels[chosen])), torch.from_numpy(store.labels[chosen]))
        bound = model.bound(batch.to(device))
        totals.append(bound.total.double().cpu())
        if bound.reconstruction is not None and bound.latent is not None:
            reconstructions.append(bound.reconstruction.double().cpu())
            latents.append(bound.latent.double().cpu())
    total = torch.cat(totals)
    dimensions = math.prod(store.shape)
    return Accounting(
        model=name,
        images=len(rows),
        dimensions=dimensions,
        total_nats=float(total.mean()),
        reconstruction_nats=float(torch.cat(reconstructions).mean()) if reconstructions else None,
        latent_nats=float(torch.cat(latents).mean()) if latents else None,
        latent_words=_words(model),
        standard_error=float(total.std() / math.sqrt(len(total)) / (dimensions * math.log(2)))
        if len(total) > 1
        else 0.0,
    )


def _words(model: Any) -> str:
    samples = getattr(model, "samples", None)
    if samples is not None:
        return f"one bound of {samples} samples for pixels and latents together"
    if not model.codebook_sizes:
        return "KL divergence of the posterior from N(0, 1), one sample"
    return uniform_words(model.levels)


def uniform_words(levels: Sequence[Level]) -> str:
    """Describe the cost of codes under a uniform prior, for each level."""
    parts = []
    for level in levels:
        sizes = level.codebook_sizes
        if len(set(sizes)) == 1:
            parts.append(f"{level} codes x log {sizes[0]}")
        else:
            parts.append(f"{level.grid[0]} x {level.grid[1]} positions x (log {' + log '.join(map(str, sizes))})")
    return f"{' and '.join(parts)}, uniform prior"


def with_prior(uniform: Accounting, prior_nats: float, words: str) -> Accounting:
    """Replace the cost of codes under the uniform prior by that under a learned prior.

    Parameters
    ----------
    uniform : the bound of a model with codes
    prior_nats : -log p(codes) of an image, mean
    words : description of the prior
    """
    assert uniform.reconstruction_nats is not None
    return Accounting(
        model=uniform.model,
        images=uniform.images,
        dimensions=uniform.dimensions,
        total_nats=uniform.reconstruction_nats + prior_nats,
        reconstruction_nats=uniform.reconstruction_nats,
        latent_nats=prior_nats,
        latent_words=words,
        standard_error=None,
    )
