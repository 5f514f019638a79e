"""The contract of speech codecs: waveforms to codes and back."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Codec(Protocol):
    """Converts waveforms to codes and back, independently of the model."""

    @property
    def sample_rate(self) -> int:
        """Rate of the waveforms, in Hz."""
        ...

    @property
    def hop_samples(self) -> int:
        """Samples per code."""
        ...

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes of each codebook."""
        ...

    @property
    def speakers(self) -> tuple[str, ...]:
        """Ids of the speakers of `decode`."""
        ...

    def encode(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode waveforms of any length.

        Parameters
        ----------
        waveforms : (batch, time) float in [-1, 1]
        lengths : (batch,) int64, real samples of each row; None when all are real

        Returns
        -------
        (batch, codebooks, ceil(time / hop_samples)) int64, 0 beyond each row's end
        """
        ...

    def decode(self, codes: Tensor, speaker: str) -> Tensor:
        """Decode codes (batch, codebooks, frames) to waveforms (batch, frames * hop_samples)."""
        ...
