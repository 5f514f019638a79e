"""Latents of codes as decoders read them."""

from __future__ import annotations

import torch
from torch import Tensor

from vqspeech.nn.quantize import Quantizer


class CodeLatents:
    """Latents of codes (codebooks, frames), computed slice by slice; a `LatentFrames`."""

    def __init__(self, quantizer: Quantizer, codes: Tensor) -> None:
        self._quantizer, self._codes = quantizer, codes

    def __len__(self) -> int:
        return self._codes.shape[1]

    @torch.inference_mode()
    def __getitem__(self, frames: slice) -> Tensor:
        return self._quantizer.decode(self._codes[None, :, frames])[0]
