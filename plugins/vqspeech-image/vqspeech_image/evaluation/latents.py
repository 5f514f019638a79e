"""Whether a second stage uses its latents: what codes cost with their own and with another image's, and how the latents are spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vqspeech.analysis.codebook import usage_of_counts
from vqspeech_image.code_store import CodeStore
from vqspeech_image.nn.two_stage import CodeVQVAE

AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class LatentUse:
    """What a second stage makes of some images.

    Parameters
    ----------
    true_nats, shuffled_nats : mean of a code, told the latents of its image, and those of another
    entropy_bits : of each latent over the images
    used : values of each latent that occur
    """

    true_nats: float
    shuffled_nats: float
    entropy_bits: tuple[float, ...]
    used: tuple[int, ...]


@torch.no_grad()
def latent_use(model: CodeVQVAE, store: CodeStore, rows: npt.NDArray[np.int64], seed: int) -> LatentUse:
    """The use of latents over some images of a store.

    Every image is given the latents of one drawn at random, never its own: the next one may be the next frame of the same clip.

    Parameters
    ----------
    model : in evaluation mode
    store : of the level that the model is about
    rows : which images, at least two
    seed : of the other images
    """
    codes = [_codes(store, rows[begin : begin + AT_ONCE]) for begin in range(0, len(rows), AT_ONCE)]
    latents = torch.cat([model.encode(piece) for piece in codes])
    others = latents[torch.from_numpy(someone_else(len(rows), seed))]
    true, shuffled = 0.0, 0.0
    for piece, own, other in zip(codes, latents.split(AT_ONCE), others.split(AT_ONCE), strict=True):
        true += float(model.decoder.nll(piece, model.told(own)).double().sum())
        shuffled += float(model.decoder.nll(piece, model.told(other)).double().sum())
    counts = [np.bincount(latents[:, book], minlength=size) for book, size in enumerate(model.codebook_sizes)]
    uses = [usage_of_counts(count, 1.0) for count in counts]
    numbers = len(rows) * codes[0][0].numel()
    return LatentUse(
        true_nats=true / numbers,
        shuffled_nats=shuffled / numbers,
        entropy_bits=tuple(float(np.log2(use.perplexity)) for use in uses),
        used=tuple(use.codes_used for use in uses),
    )


def someone_else(count: int, seed: int) -> npt.NDArray[np.int64]:
    """For each of `count` the number of another, drawn at random: a cycle through all of them."""
    order = np.random.Generator(np.random.Philox(key=[seed % 2**64, 0])).permutation(count)
    found = np.empty(count, np.int64)
    found[order] = np.roll(order, -1)
    return found


def _codes(store: CodeStore, rows: npt.NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(store.codes[rows].astype(np.int64))
