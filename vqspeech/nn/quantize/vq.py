"""The paper's VQ layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.quantize.frames import from_frames, to_frames
from vqspeech.nn.quantize.hyperparameters import require
from vqspeech.nn.quantize.kmeans import k_means
from vqspeech.nn.quantize.nearest import nearest_code
from vqspeech.nn.quantize.protocol import Quantized, Quantizer
from vqspeech.nn.quantize.terms import fidelity, mean_square, straight_through


class VectorQuantizer(Quantizer):
    """The paper's VQ layer (van den Oord et al. 2017, eq. 1-3).

    z_q = e_k with k = argmin_j |z_e - e_j|. The decoder's gradient is copied from z_q to z_e, and the loss adds
    |sg[z_e] - e|^2 + beta |z_e - sg[e]|^2; both are means over valid frames and dimensions (as in Sonnet), not sums.

    Parameters
    ----------
    dim : channels of latents
    codebook_size : number of codes, K
    beta : weight of the commitment loss
    data_start : initialise the codebook by k-means on the first latents; else uniform in [-1/K, 1/K]
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
        frames, valid = to_frames(z.detach(), mask)
        return self._nearest(frames, valid).view(z.shape[0], 1, z.shape[2])

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantizer.decode`."""
        return F.embedding(codes[:, 0], self.codebook.float()).transpose(1, 2)

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """See `Quantizer.forward`; stats are those of `fidelity`."""
        with torch.autocast(z.device.type, enabled=False):
            frames, valid = to_frames(z, mask)
            codes = self._nearest(frames, valid)
            chosen = F.embedding(codes, self.codebook.float())
            if valid is not None:
                chosen = chosen.masked_fill(~valid[:, None], 0)
            if self.training:
                self._collect(z, mask, frames.detach(), codes)
            losses = self._losses(frames, chosen, valid)
            stats = {**fidelity(frames, chosen, valid), **self._more_stats(frames.device)}
            z_q = from_frames(straight_through(frames, chosen), len(z), z.shape[2])
            return Quantized(z_q, codes.view(len(z), 1, z.shape[2]), losses, stats)

    def _nearest(self, frames: Tensor, valid: Tensor | None) -> Tensor:
        codes = nearest_code(frames, self.codebook)
        return codes if valid is None else codes * valid

    def _losses(self, frames: Tensor, chosen: Tensor, valid: Tensor | None) -> dict[str, Tensor]:
        return {
            "codebook": mean_square(frames.detach(), chosen, valid),
            "commitment": self.beta * mean_square(frames, chosen.detach(), valid),
        }

    def _more_stats(self, device: torch.device) -> dict[str, Tensor]:
        return {}

    def _collect(self, z: Tensor, mask: Tensor | None, frames: Tensor, codes: Tensor) -> None:
        """Keep what `update` needs; nothing here, since the paper's codebook learns by its loss."""
