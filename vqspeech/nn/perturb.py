"""Perturbations in training: of log-mel bands, of codes, and of the decoder's past."""

from __future__ import annotations

import torch
from torch import Tensor

from vqspeech.nn.decoders.mulaw import LEVELS
from vqspeech.nn.draws import Draw, drawn
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
    count = batch if share is None else share.rows
    draw = drawn(lambda source: torch.rand(count, frames, generator=source)[rows], generator, z_q.device)
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

    def draw(source: torch.Generator) -> Tensor:
        deviation = most * torch.rand(count, 1, generator=source)
        return (deviation * torch.randn(count, time, generator=source))[rows].round().long()

    return (levels + drawn(draw, generator, levels.device)).clamp(0, LEVELS - 1)


def perturbed_bands(
    bands: Tensor,
    *,
    warp: float,
    tilt: float,
    noise: float | None,
    generator: torch.Generator,
    share: Share | None = None,
) -> Tensor:
    """Change log-mel bands (batch, bands, time) as another speaker, microphone or room would.

    Bands are read at positions scaled by a factor of up to exp(warp) either way, as by another vocal tract (Jaitly and
    Hinton 2013); the first three cosines over the bands are added, with normal weights of deviation `tilt`; and noise
    of a level between `noise` - 5 and `noise` (natural logarithms of power; None for none) is mixed in. The target
    of training stays unchanged, so that codes lose what varies. A share draws the numbers of its rows in the whole
    batch.
    """
    batch, count, time = bands.shape
    rows = batch if share is None else share.rows

    def of_share(draw: Draw) -> Tensor:
        def own(source: torch.Generator) -> Tensor:
            return draw(source) if share is None else share.of(draw(source))

        return drawn(own, generator, bands.device).to(bands)

    factor = of_share(lambda source: torch.exp(warp * (2 * torch.rand(rows, 1, generator=source) - 1)))
    weights = tilt * of_share(lambda source: torch.randn(rows, 3, generator=source))
    place = torch.arange(count, device=bands.device)
    position = (place * factor).clamp(0, count - 1)
    low = position.long().clamp_max(max(0, count - 2))
    share_of_next = (position - low)[:, :, None]
    low, high = (index[:, :, None].expand_as(bands) for index in (low, (low + 1).clamp_max(count - 1)))
    changed = bands.gather(1, low) * (1 - share_of_next) + bands.gather(1, high) * share_of_next
    angle = torch.pi * place / max(1, count - 1)
    curves = torch.stack([torch.cos(n * angle) for n in (1, 2, 3)])
    changed = changed + (weights @ curves.to(bands))[:, :, None]
    if noise is not None:
        loudest = noise

        def added(source: torch.Generator) -> Tensor:
            level = loudest - 5 * torch.rand(rows, 1, 1, generator=source)
            return level + torch.randn(rows, count, time, generator=source)

        changed = torch.logaddexp(changed, of_share(added))
    return changed
