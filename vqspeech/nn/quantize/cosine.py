"""Factorised codes on a sphere: nearest by direction, in a few dimensions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.quantize.frames import from_frames, to_frames
from vqspeech.nn.quantize.hyperparameters import require
from vqspeech.nn.quantize.protocol import Quantized, Quantizer
from vqspeech.nn.quantize.terms import linear
from vqspeech.nn.quantize.vq import VectorQuantizer


class SphereQuantizer(VectorQuantizer):
    """The paper's VQ layer with unit-length codes: the nearest code has maximal cosine similarity."""

    @property
    def codebook(self) -> Tensor:
        """The unit-length codes, (codebook_size, dim)."""
        return F.normalize(self.embedding.float(), dim=1)


class CosineQuantizer(Quantizer):
    """Factorised, l2-normalised codes (Yu et al. 2021, arXiv 2110.04627, section 3.2).

    Used for audio by Kumar et al. (2023, arXiv 2306.06546). Latents are projected to `code_dim` dimensions, normalised,
    quantized by `SphereQuantizer`, and projected back. As in Yu et al., losses compare normalised vectors; Kumar et al.
    (DAC) compare them before normalisation and normalise the weights of the projections.

    Parameters
    ----------
    dim : channels of latents
    code_dim : dimensions of the codes
    codebook_size, beta, data_start : as in `VectorQuantizer`
    """

    distance = None

    def __init__(
        self,
        dim: int,
        *,
        code_dim: int = 8,
        codebook_size: int = 512,
        beta: float = 0.25,
        data_start: bool = True,
    ) -> None:
        super().__init__()
        require(code_dim >= 2, "code_dim", code_dim, "at least 2")
        self.dim = dim
        self.down = nn.Linear(dim, code_dim)
        self.up = nn.Linear(code_dim, dim)
        self.sphere = SphereQuantizer(code_dim, codebook_size=codebook_size, beta=beta, data_start=data_start)
        self.codebook_sizes = self.sphere.codebook_sizes

    @torch.no_grad()
    def start(self, frames: Tensor, generator: torch.Generator) -> None:
        """See `Quantizer.start`."""
        self.sphere.start(self._direction(frames.float()), generator)

    @torch.no_grad()
    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `Quantizer.encode`."""
        with torch.autocast(z.device.type, enabled=False):
            return self.sphere.encode(self._directions(z, mask), mask)

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantizer.decode`."""
        with torch.autocast(codes.device.type, enabled=False):
            return self._expand(self.sphere.decode(codes))

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """See `Quantizer.forward`; stats are those of `fidelity` for the directions."""
        with torch.autocast(z.device.type, enabled=False):
            inner = self.sphere(self._directions(z, mask), mask)
            z_q = self._expand(inner.z_q)
            if mask is not None:
                z_q = z_q.masked_fill(~mask[:, None], 0)
            return Quantized(z_q, inner.codes, inner.losses, inner.stats)

    def _direction(self, frames: Tensor) -> Tensor:
        return F.normalize(linear(frames, self.down), dim=1)

    def _directions(self, z: Tensor, mask: Tensor | None) -> Tensor:
        frames, _ = to_frames(z, mask)
        return from_frames(self._direction(frames), z.shape[0], z.shape[2])

    def _expand(self, directions: Tensor) -> Tensor:
        return linear(directions.transpose(1, 2), self.up).transpose(1, 2)
