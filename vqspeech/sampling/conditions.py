"""Compute conditions on demand, so that hours of speech fit in memory."""

from __future__ import annotations

import torch
from torch import Tensor

from vqspeech.nn.decoders.protocol import LatentFrames
from vqspeech.nn.decoders.wavenet import WaveNet

BLOCK_LATENTS = 64
"""Latents whose conditions are computed together."""


class LazyConditions:
    """`WaveNet.conditions` of an utterance, (frames * upsampling, layers, 2 * width), in blocks.

    Blocks do not depend on the requested slices, so neither do samples. An hour of codes at 25 Hz takes 0.7 MB, of
    latents of 64 dimensions 23 MB, of conditions of 30 layers of 64 channels 1.4 GB.

    Parameters
    ----------
    decoder : the network
    latents : latents of the utterance, (dim, frames) for any slice
    speaker : (1,) int64 index, or None
    """

    def __init__(self, decoder: WaveNet, latents: LatentFrames, speaker: Tensor | None) -> None:
        self._decoder, self._latents, self._speaker = decoder, latents, speaker
        self._margin = decoder.conditioner.margin
        self._upsampling = decoder.conditioner.upsampling
        self._frames = len(latents) * self._upsampling
        self._block: tuple[int, Tensor] | None = None

    def __len__(self) -> int:
        return self._frames

    def __getitem__(self, frames: slice) -> Tensor:
        first, last, step = frames.indices(self._frames)
        assert step == 1
        size = BLOCK_LATENTS * self._upsampling
        parts = [
            self._of_block(number)[max(0, first - number * size) : last - number * size]
            for number in range(first // size, -(-last // size))
        ]
        return torch.cat(parts) if parts else self._of_block(0)[:0]

    @torch.no_grad()
    def _of_block(self, number: int) -> Tensor:
        if self._block is None or self._block[0] != number:
            count = len(self._latents)
            first, last = number * BLOCK_LATENTS, min((number + 1) * BLOCK_LATENTS, count)
            begin, end = first - self._margin, last + self._margin
            latents = self._latents[max(0, begin) : end][None]
            # latents are zero beyond both ends
            latents = torch.nn.functional.pad(latents, (max(0, -begin), max(0, end - count)))
            self._block = number, self._decoder.conditions(latents, self._speaker, with_margin=True)[0]
        return self._block[1]
