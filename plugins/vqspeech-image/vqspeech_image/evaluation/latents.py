"""Use of a second stage's latents: cost of codes given their own or other latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vqspeech.analysis.codebook import usage_of_counts
from vqspeech.corpora.code_store import LevelCodes
from vqspeech_image.evaluation.codes import grids_of
from vqspeech_image.two_stage import TwoStage

AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class LatentUse:
    """Use of the latents of a second stage over some images.

    Parameters
    ----------
    true_nats, shuffled_nats : mean cost of a code given the latents of its image, and those of another
    entropy_bits : entropy of each latent over the images, in bits
    used : values of each latent that occur
    """

    true_nats: float
    shuffled_nats: float
    entropy_bits: tuple[float, ...]
    used: tuple[int, ...]


@torch.no_grad()
def latent_use(model: TwoStage, level: LevelCodes, rows: npt.NDArray[np.int64], seed: int) -> LatentUse:
    """Measure the use of latents over some images.

    Every image gets the latents of another one, drawn at random: the next one may be the next frame of the same clip.

    Parameters
    ----------
    model : model in evaluation mode
    level : the codes that the model was trained on
    rows : indices of images, at least two
    seed : seed of the choice of other images
    """
    codes = [_codes(level, rows[begin : begin + AT_ONCE]) for begin in range(0, len(rows), AT_ONCE)]
    latents = torch.cat([model.encode(piece) for piece in codes])
    others = latents[torch.from_numpy(someone_else(len(rows), seed))]
    true, shuffled = 0.0, 0.0
    for piece, own, other in zip(codes, latents.split(AT_ONCE), others.split(AT_ONCE), strict=True):
        true += float(model.decoder.nll(piece, model.vector(own)).double().sum())
        shuffled += float(model.decoder.nll(piece, model.vector(other)).double().sum())
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
    """Draw for each of `count` the number of another: a random cycle through all of them."""
    order = np.random.Generator(np.random.Philox(key=[seed % 2**64, 0])).permutation(count)
    others = np.empty(count, np.int64)
    others[order] = np.roll(order, -1)
    return others


def _codes(level: LevelCodes, rows: npt.NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(grids_of(level)[rows].astype(np.int64))
