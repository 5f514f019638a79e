"""Codes of a recording that arrives in blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.codec.speech import SpeechCodec
from vqspeech.errors import InputError

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class Codes:
    """Codes that are now decided, and those after them as far as the samples reach.

    Parameters
    ----------
    first, last : the codes `first` to `last`, without it, are decided
    codes : (codebooks, frames) int64, from `first` on; those from `last` on may still change
    """

    first: int
    last: int
    codes: npt.NDArray[np.int64]

    @property
    def decided(self) -> npt.NDArray[np.int64]:
        """The decided codes, (codebooks, last - first)."""
        return self.codes[:, : self.last - self.first]


class CodeStream:
    """Encodes a recording that arrives in blocks; each code is decided once.

    A code is decided when `ahead` frames after its own are known. It is the code of a recording that ends with the
    samples known then; where `ahead` is at least `exact_ahead`, the code of the whole recording, but for rounding.

    Parameters
    ----------
    codec : the model
    ahead : frames after a code that are waited for
    step : frames that are decided at a time

    Raises
    ------
    InputError : for an encoder whose codes may depend on the whole recording
    """

    def __init__(self, codec: SpeechCodec, *, ahead: int, step: int = 1) -> None:
        span = codec.model.encoder.span
        if span is None:
            name = codec.config.encoder["name"]
            raise InputError(
                f"the encoder {name!r} of {codec.path} takes a recording as a whole, and cannot encode while somebody "
                "speaks; use `vqspeech convert`, or a model with another encoder, such as conv"
            )
        self._model, self._device, self.hop = codec.model, codec.device, codec.hop_samples
        self.ahead, self.step = ahead, step
        self.exact_ahead = max(0, -(-(span.after - self.hop) // self.hop))
        """Frames after a code on which it depends."""
        self._before = -(-span.before // self.hop)
        # `held` starts at frame `start`
        self._held, self._start, self._first = np.zeros(0, np.float32), 0, 0

    def push(self, samples: Samples) -> list[Codes]:
        """Take the next samples (time,); return the codes that they decide, `step` at a time."""
        self._held = np.concatenate([self._held, samples])
        found = []
        while len(self._held) >= (need := (self._first + self.step + self.ahead - self._start) * self.hop):
            found.append(self._encoded(self._held[:need], self._first + self.step))
        return found

    def finish(self) -> Codes | None:
        """Decide the codes of what is left; None for nothing. The last frame is filled up with silence."""
        last = self._start - (-len(self._held) // self.hop)
        return self._encoded(self._held, last) if last > self._first else None

    @torch.inference_mode()
    def _encoded(self, samples: Samples, last: int) -> Codes:
        count = self._start - (-len(samples) // self.hop) - self._first
        latents = self._model.encoder.last(torch.from_numpy(samples.copy())[None].to(self._device), count)
        codes = self._model.quantizer.encode(latents)[0].cpu().numpy()
        found = Codes(first=self._first, last=last, codes=codes)
        self._first = last
        unused = max(0, last - self._before) - self._start
        self._held, self._start = self._held[unused * self.hop :], self._start + unused
        return found
