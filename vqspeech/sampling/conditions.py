"""Conditions that are computed when they are needed, so that hours of speech fit in memory."""

from __future__ import annotations

import torch
from torch import Tensor

from vqspeech.nn.wavenet import WaveNet

BLOCK_LATENTS = 64
"""Latents whose conditions are computed together."""


class LazyConditions:
    """`WaveNet.conditions` of one utterance, (frames * upsampling, layers, 2 * width), a block at a time.

    Blocks are the same however slices are cut, so what is drawn from them does not depend on the pieces. An hour of 25 Hz latents of 64
    dimensions takes 23 MB, its conditions of 30 layers of 64 channels 1.4 GB.

    Parameters
    ----------
    decoder : the network
    latents : (dim, frames)
    speaker : (1,) int64 index, or None
    """

    def __init__(self, decoder: WaveNet, latents: Tensor, speaker: Tensor | None) -> None:
        self._decoder, self._speaker = decoder, speaker
        self._margin = decoder.conditioner.margin
        self._latents = torch.nn.functional.pad(latents, (self._margin, self._margin))
        self._upsampling = decoder.conditioner.upsampling
        self._frames = latents.shape[-1] * self._upsampling
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
            first = number * BLOCK_LATENTS
            latents = self._latents[:, first : first + BLOCK_LATENTS + 2 * self._margin]
            rows = self._decoder.conditions(latents[None], self._speaker, with_margin=True)[0]
            self._block = number, rows
        return self._block[1]
