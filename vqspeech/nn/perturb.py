"""Perturbations in training: jitter of codes, and noise on the decoder's past."""

from __future__ import annotations

import torch
from torch import Tensor

from vqspeech.nn.decoders.mulaw import LEVELS
from vqspeech.nn.share import Share


def jitter(
    z_q: Tensor, probability: float, generator: torch.Generator, mask: Tensor | None = None, share: Share | None = None
) -> Tensor:
    """Replace frames of (batch, dim, frames) by their left or right neighbours at random.

    The first frame has no left neighbour and the last real one no right neighbour; they are then unchanged. A share
    draws the numbers of its rows in the whole batch.
    """
    batch, _, frames = z_q.shape
    rows = slice(None) if share is None else slice(share.rank, None, share.ranks)
    draw = torch.rand(batch if share is None else share.rows, frames, generator=generator)[rows].to(z_q.device)
    shift = (draw > 1 - probability).long() - (draw < probability).long()
    ends = mask.sum(1, keepdim=True) if mask is not None else torch.full((batch, 1), frames, device=z_q.device)
    place = torch.arange(frames, device=z_q.device)
    source = torch.where(place < ends, (place + shift).clamp_min(0).minimum(ends - 1), place)
    return z_q.gather(2, source[:, None].expand_as(z_q))


def noisy(levels: Tensor, most: float, generator: torch.Generator, share: Share | None = None) -> Tensor:
    """Add Gaussian noise to mu-law levels (batch, time), of up to `most` levels per row.

    In free-running generation a decoder is conditioned on its own errors, which recordings do not contain; trained on
    clean pasts only, it continues its own noise as whispered speech (cf. the noise injection of FFTNet, Jin et al.
    2018). A share draws the numbers of its rows in the whole batch.
    """
    batch, time = levels.shape
    rows = slice(None) if share is None else slice(share.rank, None, share.ranks)
    count = batch if share is None else share.rows
    deviation = most * torch.rand(count, 1, generator=generator)
    noise = (deviation * torch.randn(count, time, generator=generator))[rows].round().long()
    return (levels + noise.to(levels.device)).clamp(0, LEVELS - 1)
