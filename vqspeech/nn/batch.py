"""Batches of models, and the result of their losses."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from vqspeech.nn.share import Share

PITCH_RATE = 100
"""Frames of F0 per second."""


Maybe = TypeVar("Maybe", Tensor, Tensor | None)


def moved(values: Maybe, device: torch.device) -> Maybe:
    """Copy a tensor of a batch to a device; a GPU copies pinned memory while the CPU goes on. None stays None."""
    return values if values is None else values.to(device, non_blocking=device.type == "cuda")


class SpeechBatch(NamedTuple):
    """Crops of utterances.

    Parameters
    ----------
    waveform : (batch, time) float in [-1, 1]; zeros beyond an utterance's end; time is a multiple of the hop
    lengths : (batch,) int64, real samples of each crop
    speaker : (batch,) int64 speaker indices
    window_start : (batch,) int64, first code frame of the window that the decoder is trained on
    window_frames : length of the window in code frames, equal for all rows
    share : position of these crops in a global batch; None when they are the whole batch
    f0 : (batch, frames) F0 in Hz, 0 for unvoiced, at `PITCH_RATE`: frame t covers t / 100 s to (t + 1) / 100 s of the
        crop; None when the decoder needs no pitch
    target : (batch, time * rate / sample_rate) the crops at the rate of the decoder, zeros beyond an utterance's end;
        None when it is that of `waveform`
    phones : (batch, frames) int64, index of the phone at the centre of each code, -1 for none; None when the model has
        no phone head
    """

    waveform: Tensor
    lengths: Tensor
    speaker: Tensor
    window_start: Tensor
    window_frames: int
    share: Share | None = None
    f0: Tensor | None = None
    target: Tensor | None = None
    phones: Tensor | None = None

    def to(self, device: torch.device) -> SpeechBatch:
        """Copy the batch to a device."""
        return self._replace(
            waveform=moved(self.waveform, device),
            lengths=moved(self.lengths, device),
            speaker=moved(self.speaker, device),
            window_start=moved(self.window_start, device),
            f0=moved(self.f0, device),
            target=moved(self.target, device),
            phones=moved(self.phones, device),
        )

    def frame_mask(self, hop_samples: int) -> Tensor:
        """Return (batch, ceil(time / hop)) bool, True for frames with at least one real sample."""
        frames = torch.arange(-(-self.waveform.shape[1] // hop_samples), device=self.lengths.device)
        return frames * hop_samples < self.lengths[:, None]


def cut_windows(z_q: Tensor, batch: SpeechBatch, hop_samples: int, sample_rate: int) -> tuple[Tensor, SpeechBatch]:
    """Cut latents and crops to their windows; `lengths` then counts the real samples within them.

    Parameters
    ----------
    z_q : (batch, dim, frames)
    batch : crops of `frames` frames; unchanged when the window is the whole crop
    hop_samples, sample_rate : samples per latent, and rate in Hz
    """
    count = batch.window_frames
    if count >= z_q.shape[2]:
        return z_q, batch
    start, device = batch.window_start[:, None], z_q.device
    frames = start + torch.arange(count, device=device)
    samples = start * hop_samples + torch.arange(count * hop_samples, device=device)
    f0 = batch.f0
    if f0 is not None:
        first = (start * (hop_samples * PITCH_RATE / sample_rate)).round().long()
        places = first + torch.arange(-(-count * hop_samples * PITCH_RATE // sample_rate), device=device)
        f0 = f0.gather(1, places.clamp_max(f0.shape[1] - 1))
    target = batch.target
    if target is not None:
        hop = hop_samples * target.shape[1] // batch.waveform.shape[1]
        target = target.gather(1, start * hop + torch.arange(count * hop, device=device))
    cut = batch._replace(
        waveform=batch.waveform.gather(1, samples),
        target=target,
        lengths=(batch.lengths - batch.window_start * hop_samples).clamp(0, count * hop_samples),
        window_start=torch.zeros_like(batch.window_start),
        f0=f0,
    )
    return z_q.gather(2, frames[:, None].expand(-1, z_q.shape[1], -1)), cut


class CodeBatch(NamedTuple):
    """Codes of items of any modality, for a prior.

    Parameters
    ----------
    codes : (batch, codebooks, *grid) int64; the grid is (frames,) for speech, (rows, columns) for images
    lengths : (batch,) int64, number of real frames of each sequence, zeros beyond; None when all are real
    condition : (batch,) int64 speaker or class of each row, -1 where unknown; None when the prior has no conditions
    above : (batch, codebooks, *grid) int64, codes of the level above, for a prior that is conditioned on them
    share : position of these rows in a global batch; None when they are the whole batch
    """

    codes: Tensor
    lengths: Tensor | None = None
    condition: Tensor | None = None
    above: Tensor | None = None
    share: Share | None = None

    def to(self, device: torch.device) -> CodeBatch:
        """Copy the batch to a device."""
        return self._replace(
            codes=moved(self.codes, device),
            lengths=moved(self.lengths, device),
            condition=moved(self.condition, device),
            above=moved(self.above, device),
        )

    @property
    def weight(self) -> float:
        """Part of the global batch's rows that these are."""
        return 1.0 if self.share is None else len(self.codes) / max(1, self.share.rows)


class LossTerms(NamedTuple):
    """A loss and its terms. Those of a `Share` sum to those of the global batch over its shares.

    Parameters
    ----------
    total : scalar to minimise
    terms : name -> scalar, detached; includes the model's `criterion`. Statistics may be among them without being in
        the total
    codes : (batch, codebooks, frames) int64; (batch, 0, frames) for models without codes
    mask : (batch, frames) bool, frames that count
    """

    total: Tensor
    terms: dict[str, Tensor]
    codes: Tensor
    mask: Tensor


def weighted_terms(weight: float, total: Tensor, terms: dict[str, Tensor], codes: Tensor) -> LossTerms:
    """Weight means over a share's rows so that shares sum to the mean over the global batch.

    Parameters
    ----------
    weight : part of the global batch's rows, for example `CodeBatch.weight`
    total : scalar with gradient, a mean over rows
    terms : name -> scalar, a mean over rows
    codes : (batch, codebooks, *grid) int64, all of which count
    """
    codes = codes.flatten(2)
    mask = torch.ones(codes.shape[0], codes.shape[2], dtype=torch.bool, device=codes.device)
    return LossTerms(weight * total, {name: (weight * term).detach() for name, term in terms.items()}, codes, mask)
