"""Vector quantization: nearest codes, the paper's VQ layer, and the codebook that follows an exponential moving average."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.errors import ConfigError

CHUNK_BYTES = 16 * 2**20
"""Bound on the (frames, codes) matrix of scores that `nearest_code` builds at a time."""

LEAST_COUNT = 2.0**-20
"""Below this the count of an unused code fades no further; the code itself stays where it is."""


@dataclass(frozen=True)
class Quantized:
    """What a quantizer makes of latents.

    Parameters
    ----------
    z_q : (batch, dim, time) quantized latents; the gradient passes straight through to the latents
    codes : (batch, codebooks, time) int64; 0 where masked
    losses : name -> scalar, already weighted; their sum is added to the model's loss
    """

    z_q: Tensor
    codes: Tensor
    losses: dict[str, Tensor] = field(default_factory=dict)


class Quantizer(nn.Module):
    """The protocol of quantizers, api 1. Masks are (batch, time) bool, True for real frames; what lies under False changes nothing."""

    codebook_sizes: tuple[int, ...]
    dim: int

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """Quantize latents (batch, dim, time); in training mode also collects what `update` needs."""
        raise NotImplementedError

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """Codes (batch, codebooks, time) of latents (batch, dim, time); changes no state."""
        raise NotImplementedError

    def decode(self, codes: Tensor) -> Tensor:
        """Quantized latents (batch, dim, time) of codes (batch, codebooks, time)."""
        raise NotImplementedError

    def start(self, frames: Tensor, generator: torch.Generator) -> None:
        """Data-dependent start from latents (frames, dim); called once, before the first step."""

    def update(self, generator: torch.Generator) -> None:
        """Apply what forward passes collected; called once after each optimiser step, so accumulated batches count as one."""


def nearest_code(frames: Tensor, codebook: Tensor, *, chunk_bytes: int = CHUNK_BYTES) -> Tensor:
    """Index of the nearest code of each frame in Euclidean distance, computed in float32 (ties: the lowest index).

    argmin |z - e|^2 = argmin (|e|^2 / 2 - z.e): the frame's own norm does not matter and is left out.

    Parameters
    ----------
    frames : (frames, dim)
    codebook : (codes, dim)
    chunk_bytes : the (frames, codes) matrix is built in pieces of at most this many bytes

    Returns
    -------
    (frames,) int64
    """
    with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
        codebook = codebook.float()
        half_norms = codebook.square().sum(1) / 2
        rows = max(1, chunk_bytes // (4 * len(codebook)))
        pieces = [
            torch.addmm(half_norms, piece.float(), codebook.T, alpha=-1).argmin(1) for piece in frames.split(rows)
        ]
        return torch.cat(pieces) if pieces else torch.zeros(0, dtype=torch.int64, device=frames.device)


def k_means(frames: Tensor, codes: int, generator: torch.Generator, *, iterations: int = 20) -> Tensor:
    """Lloyd's algorithm from randomly drawn frames; a cluster that loses all its frames starts again from a random one.

    Parameters
    ----------
    frames : (frames, dim), at least one; with fewer frames than codes some are drawn twice, with a little noise
    codes : number of clusters

    Returns
    -------
    (codes, dim) float32 centroids
    """
    frames = frames.float()
    count = len(frames)
    picks = torch.randperm(count, generator=generator)[:codes]
    if count < codes:
        picks = torch.cat([picks, torch.randint(count, (codes - count,), generator=generator)])
    centroids = frames[picks.to(frames.device)].clone()
    if count < codes:
        noise = torch.randn(centroids.shape, generator=generator).to(centroids)
        return centroids + 1e-3 * frames.std(correction=0) * noise
    for _ in range(iterations):
        sizes, sums = code_statistics(frames, nearest_code(frames, centroids), codes)
        empty = sizes == 0
        spare = frames[torch.randint(count, (codes,), generator=generator).to(frames.device)]
        centroids = torch.where(empty[:, None], spare, sums / sizes.clamp_min(1)[:, None])
    return centroids


def code_statistics(frames: Tensor, codes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """How often each code was chosen (size,), and the sum of its frames (size, dim); float32."""
    counts = torch.bincount(codes, minlength=size).float()
    sums = torch.zeros(size, frames.shape[1], device=frames.device).index_add_(0, codes, frames.float())
    return counts, sums


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
        _require(codebook_size >= 1, "codebook_size", codebook_size, "at least 1")
        _require(beta >= 0, "beta", beta, "at least 0")
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
            "codebook": _mean_square(z.detach() - e, mask),
            "commitment": self.beta * _mean_square(z - e.detach(), mask),
        }

    def _collect(self, z: Tensor, codes: Tensor, mask: Tensor | None) -> None:
        """Keep what `update` needs; the paper's codebook learns by its loss and needs nothing."""


class EMAVectorQuantizer(VectorQuantizer):
    """The codebook as a moving average of the latents assigned to it (van den Oord et al. 2017, appendix A.1, eq. 6-8).

    The state is how often each code was chosen and the sum of its latents, both averaged with `decay`; a code is their ratio.
    Deviations from the appendix, each because of a failure measured elsewhere: counts start at 1 and sums at the codes (with zero
    counts a code that is not chosen at the first step is destroyed); the state is float32 whatever the module is cast to (in bfloat16
    an average with decay 0.999 never moves); a code whose count falls below `revive_below` times the mean count restarts at
    a random latent of the last batch *with its count and sum* (else the next average undoes it).

    Parameters
    ----------
    dim, codebook_size, beta, data_start : as in `VectorQuantizer`
    decay : of the averages, gamma
    revive_below : share of the mean count under which a code restarts; 0 for never
    revive_every : updates between two looks at the counts
    """

    counts: Tensor
    sums: Tensor
    updates: Tensor

    def __init__(
        self,
        dim: int,
        *,
        codebook_size: int = 512,
        beta: float = 0.25,
        data_start: bool = True,
        decay: float = 0.99,
        revive_below: float = 0.1,
        revive_every: int = 10,
    ) -> None:
        super().__init__(dim, codebook_size=codebook_size, beta=beta, data_start=data_start)
        _require(0 <= decay < 1, "decay", decay, "at least 0 and below 1")
        _require(0 <= revive_below < 1, "revive_below", revive_below, "at least 0 and below 1")
        _require(revive_every >= 1, "revive_every", revive_every, "at least 1")
        self.decay = decay
        self.revive_below = revive_below
        self.revive_every = revive_every
        self._pending: list[tuple[Tensor, Tensor, Tensor]] = []

    def _make_codebook(self, codes: Tensor) -> None:
        self.register_buffer("counts", torch.ones(len(codes)))
        self.register_buffer("sums", codes.clone())
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @property
    def codebook(self) -> Tensor:
        """The codes, (codebook_size, dim)."""
        return self.sums / self.counts[:, None]

    def _set_codebook(self, codes: Tensor) -> None:
        self.counts.fill_(1.0)
        self.sums.copy_(codes)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> EMAVectorQuantizer:
        before = {name: buffer for name, buffer in self._buffers.items() if buffer is not None}
        super()._apply(fn, recurse)
        for name, buffer in before.items():
            now = self._buffers[name]
            if now is not None and now.dtype != buffer.dtype:
                self._buffers[name] = buffer.to(now.device)
        return self

    def _losses(self, z: Tensor, e: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
        return {"commitment": self.beta * _mean_square(z - e.detach(), mask)}

    @torch.no_grad()
    def _collect(self, z: Tensor, codes: Tensor, mask: Tensor | None) -> None:
        frames, chosen = z.detach().transpose(1, 2), codes[:, 0]
        frames, chosen = (
            (frames[mask], chosen[mask]) if mask is not None else (frames.reshape(-1, self.dim), chosen.reshape(-1))
        )
        self._pending.append((frames, *code_statistics(frames, chosen, self.codebook_sizes[0])))

    @torch.no_grad()
    def update(self, generator: torch.Generator) -> None:
        """See `Quantizer.update`."""
        if not self._pending:
            return
        frames = torch.cat([piece[0] for piece in self._pending])
        counts = torch.stack([piece[1] for piece in self._pending]).sum(0)
        sums = torch.stack([piece[2] for piece in self._pending]).sum(0)
        self._pending.clear()
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        if distributed:
            torch.distributed.all_reduce(counts)
            torch.distributed.all_reduce(sums)
        codebook = self.codebook
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        faded = self.counts < LEAST_COUNT  # before counts underflow and 0 / 0 takes the place of a code
        self.sums.copy_(torch.where(faded[:, None], codebook * LEAST_COUNT, self.sums))
        self.counts.clamp_(min=LEAST_COUNT)
        self.updates += 1
        if self.revive_below > 0 and self.updates.item() % self.revive_every == 0:
            self._revive(frames, generator)
            if distributed:
                torch.distributed.broadcast(self.counts, 0)
                torch.distributed.broadcast(self.sums, 0)

    def _revive(self, frames: Tensor, generator: torch.Generator) -> None:
        """Restart rarely chosen codes at random frames (frames, dim), with a mean count."""
        mean = self.counts.mean()
        rare = self.counts < self.revive_below * mean
        if not len(frames) or not rare.any():
            return
        picks = torch.randint(len(frames), (len(self.counts),), generator=generator).to(frames.device)
        self.sums.copy_(torch.where(rare[:, None], mean * frames[picks].float(), self.sums))
        self.counts.copy_(torch.where(rare, mean, self.counts))


def _require(holds: bool, name: str, value: Any, allowed: str) -> None:
    if not holds:
        raise ConfigError(f"quantizer.{name} = {value!r} cannot be used; {allowed}")


def _mean_square(difference: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of squares over valid frames and dimensions; (batch, dim, time) whose masked frames are zero already."""
    frames = difference[:, 0].numel() if mask is None else mask.sum()
    return difference.square().sum() / (difference.shape[1] * torch.as_tensor(frames).clamp_min(1))
