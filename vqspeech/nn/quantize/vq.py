"""The paper's VQ layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.quantize.hyperparameters import require
from vqspeech.nn.quantize.kmeans import k_means
from vqspeech.nn.quantize.losses import mean_square
from vqspeech.nn.quantize.nearest import nearest_code
from vqspeech.nn.quantize.protocol import Quantized, Quantizer


class VectorQuantizer(Quantizer):
    """The paper's VQ layer (van den Oord et al. 2017, eq. 1-3).

    z_q = e_k with k = argmin_j |z_e - e_j|; the gradient of the decoder is copied straight from z_q to z_e, and the loss adds
    |sg[z_e] - e|^2 + beta |z_e - sg[e]|^2. Both are means over valid frames and dimensions (as in Sonnet), not sums over dimensions.

    Parameters
    ----------
    dim : channels of the latents
    codebook_size : number of codes, K
    beta : weight of the commitment loss
    data_start : start the codebook by k-means on the first latents; else uniform in [-1/K, 1/K]
    """

    def __init__(self, dim: int, *, codebook_size: int = 512, beta: float = 0.25, data_start: bool = True) -> None:
        super().__init__()
        require(codebook_size >= 1, "codebook_size", codebook_size, "at least 1")
        require(beta >= 0, "beta", beta, "at least 0")
        self.dim = dim
        self.codebook_sizes = (codebook_size,)
        self.beta = beta
        self.data_start = data_start
        self._make_codebook(torch.empty(codebook_size, dim).uniform_(-1 / codebook_size, 1 / codebook_size))

    def _make_codebook(self, codes: Tensor) -> None:
        self.embedding = nn.Parameter(codes)

    @property
    def codebook(self) -> Tensor:
        """The codes, (codebook_size, dim)."""
        return self.embedding

    @torch.no_grad()
    def _set_codebook(self, codes: Tensor) -> None:
        self.embedding.copy_(codes)

    def start(self, frames: Tensor, generator: torch.Generator) -> None:
        """See `Quantizer.start`."""
        if self.data_start and len(frames):
            self._set_codebook(k_means(frames, self.codebook_sizes[0], generator))

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `Quantizer.encode`."""
        batch, dim, time = z.shape
        codes = nearest_code(z.detach().transpose(1, 2).reshape(-1, dim), self.codebook).view(batch, 1, time)
        return codes if mask is None else codes * mask[:, None]

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantizer.decode`."""
        return F.embedding(codes[:, 0], self.codebook).transpose(1, 2)

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """See `Quantizer.forward`."""
        with torch.autocast(z.device.type, enabled=False):
            z = z.float()
            codes = self.encode(z, mask)
            e = self.decode(codes)
            if mask is not None:
                e = e.masked_fill(~mask[:, None], 0)
                z = z.masked_fill(~mask[:, None], 0)
            if self.training:
                self._collect(z, codes, mask)
            return Quantized(e.detach() + (z - z.detach()), codes, self._losses(z, e, mask))

    def _losses(self, z: Tensor, e: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
        return {
            "codebook": mean_square(z.detach() - e, mask),
            "commitment": self.beta * mean_square(z - e.detach(), mask),
        }

    def _collect(self, z: Tensor, codes: Tensor, mask: Tensor | None) -> None:
        """Keep what `update` needs; the paper's codebook learns by its loss and needs nothing."""
