"""A codebook that follows moving averages of its frames."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from vqspeech.nn.quantize.hyperparameters import require
from vqspeech.nn.quantize.nearest import code_statistics
from vqspeech.nn.quantize.processes import Piece, draw_frames, draw_valid, sum_over_processes, together
from vqspeech.nn.quantize.terms import mean_square
from vqspeech.nn.quantize.vq import VectorQuantizer

LEAST_COUNT = 2.0**-20
"""Least count of a code: that of an unused code decays no further, and the code stays in place."""


class _Pending(NamedTuple):
    """Sums since the last update: frames per code, their sums, and frames for revival."""

    counts: Tensor
    sums: Tensor
    pieces: list[Piece]


class EMAVectorQuantizer(VectorQuantizer):
    """A codebook of moving averages of the assigned latents (van den Oord et al. 2017, eq. 6-8).

    The state holds the count of each code and the sum of its latents, both averaged with `decay`; a code is their
    ratio. Deviations from the paper's appendix A.1:

    - Counts start at 1 and sums at the codes: with zero counts, a code not chosen at the first step is destroyed.
    - The state is float32 in any dtype of the module: in bfloat16 an average with decay 0.999 never moves.
    - A code whose count falls below `revive_below` times the mean count restarts at a random latent of the last batch,
      *with its count and sum*; otherwise the next average undoes it.

    Parameters
    ----------
    dim, codebook_size, beta, data_start : as in `VectorQuantizer`
    decay : gamma of the averages
    revive_below : fraction of the mean count below which a code restarts; 0 disables revival
    revive_every : updates between two checks of the counts
    """

    counts: Tensor
    sums: Tensor
    updates: Tensor
    revived: Tensor

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
        require(0 <= decay < 1, "decay", decay, "at least 0 and below 1")
        require(0 <= revive_below < 1, "revive_below", revive_below, "at least 0 and below 1")
        require(revive_every >= 1, "revive_every", revive_every, "at least 1")
        self.decay = decay
        self.revive_below = revive_below
        self.revive_every = revive_every
        self._pending: _Pending | None = None
        self.register_buffer("revived", torch.zeros(()), persistent=False)
        self._updates_known: int | None = None

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

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._updates_known = None

    def _losses(self, frames: Tensor, chosen: Tensor, valid: Tensor | None) -> dict[str, Tensor]:
        return {"commitment": self.beta * mean_square(frames, chosen, valid)}

    def _more_stats(self, device: torch.device) -> dict[str, Tensor]:
        """Return ``revived``, the number of codes that the last update restarted."""
        if not self.training:
            return {}
        return {"revived": self.revived.clone()}

    @torch.no_grad()
    def _collect(self, z: Tensor, mask: Tensor | None, frames: Tensor, codes: Tensor) -> None:
        valid = None if mask is None else mask.reshape(-1)
        counts, sums = code_statistics(frames, codes, self.codebook_sizes[0], valid=valid)
        if self._pending is None:
            self._pending = _Pending(counts, sums, [])
        else:
            self._pending.counts.add_(counts)
            self._pending.sums.add_(sums)
        if self.revive_below > 0 and self._on_device():
            self._pending.pieces.append(Piece(frames, torch.ones_like(codes).bool() if valid is None else valid))
        elif self._revives_next():
            all_frames = torch.full((len(z),), z.shape[2], device=z.device)
            self._pending.pieces.append(
                Piece(frames, all_frames) if mask is None else Piece(frames[valid], mask.sum(1))
            )

    def _next_update(self) -> int:
        """Return the number of the next update; asks the device once, then counts."""
        if self._updates_known is None:
            self._updates_known = int(self.updates.item())
        return self._updates_known + 1

    def _on_device(self) -> bool:
        """Return whether updates leave every decision to the device: on a GPU, in a single process."""
        return self.counts.is_cuda and not together()

    def _revives_next(self) -> bool:
        return self.revive_below > 0 and self._next_update() % self.revive_every == 0

    @torch.no_grad()
    def update(self, generator: torch.Generator) -> None:
        """See `Quantizer.update`."""
        if self._pending is None:
            return
        (counts, sums, pieces), on_device = self._pending, self._on_device()
        revives = not on_device and self._revives_next()
        self._pending = None
        self.revived.zero_()
        sum_over_processes(counts, sums)
        codebook = self.codebook
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        # Before counts underflow and 0 / 0 replaces a code.
        faded = self.counts < LEAST_COUNT
        self.sums.copy_(torch.where(faded[:, None], codebook * LEAST_COUNT, self.sums))
        self.counts.clamp_(min=LEAST_COUNT)
        if on_device:
            self.updates.add_(1)
            self._updates_known = None
            self._revive_on_device(pieces, generator)
            return
        self._updates_known = self._next_update()
        self.updates.fill_(self._updates_known)
        if revives:
            self._revive(pieces, generator)

    def _revive(self, pieces: list[Piece], generator: torch.Generator) -> None:
        """Restart rarely chosen codes at random frames of the whole batch, with a mean count."""
        mean = self.counts.mean()
        rare = self.counts < self.revive_below * mean
        drawn = draw_frames(pieces, len(self.counts), generator) if rare.any() else None
        if drawn is None:
            return
        self.sums.copy_(torch.where(rare[:, None], mean * drawn, self.sums))
        self.counts.copy_(torch.where(rare, mean, self.counts))
        self.revived.copy_(rare.sum())

    def _revive_on_device(self, pieces: list[Piece], generator: torch.Generator) -> None:
        """Do as `_revive`, by operations that are the same at every update: those that are not due change nothing."""
        if not sum(len(piece.frames) for piece in pieces):
            return
        frames, valid = (torch.cat(each) for each in zip(*pieces, strict=True))
        drawn, some = draw_valid(frames, valid, len(self.counts), generator)
        mean = self.counts.mean()
        rare = (self.counts < self.revive_below * mean) & (self.updates % self.revive_every == 0) & some
        self.sums.copy_(torch.where(rare[:, None], mean * drawn, self.sums))
        self.counts.copy_(torch.where(rare, mean, self.counts))
        self.revived.copy_(rare.sum())
