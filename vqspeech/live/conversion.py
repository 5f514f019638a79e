"""Voice conversion of a recording that arrives in blocks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vqspeech.codec.intonation import moved
from vqspeech.codec.speech import AS_TRAINED, SpeechCodec, choose_intonation
from vqspeech.errors import InputError
from vqspeech.live.codes import Codes, CodeStream
from vqspeech.live.level import LiveLevel
from vqspeech.live.pitch import LivePitch
from vqspeech.nn.decoders.protocol import SpeakOptions, Stretch

AHEAD_S = 0.14
"""Speech after a sample that is waited for, close to the 0.16 s that the tracker of F0 looks ahead."""

STEP_S = 0.04
"""Speech that is converted at a time, at least one code."""

Samples = npt.NDArray[np.float32]


class LiveConversion:
    """Converts speech to a speaker while it is spoken; as much comes out as goes in, `delay_s` later.

    At each step, codes and F0 of all samples so far are known. Those of the last `ahead_s` are provisional: they are
    context of the samples before them, and computed again at the next step.

    With `ahead_s` at least `exact_ahead_s`, codes are those of the whole recording and, with the intonation
    ``"predicted"`` and without `keep_level`, so are the samples, but for rounding. The intonations ``"source"`` and
    ``"flat"`` count the speaker's mean F0 over the last 20 s instead of the whole recording.

    Parameters
    ----------
    codec : the model
    speaker : id of the target speaker
    ahead_s : speech after a sample that is waited for, in seconds; rounded up to whole codes
    step_s : speech that is converted at a time, rounded to whole codes
    intonation : one of `vqspeech.codec.intonation.INTONATIONS`; None for ``"source"``
    keep_level : whether speech has the level of its source, see `LiveLevel`
    options : seed and temperature

    Raises
    ------
    UnknownNameError : for a speaker that the model does not know, or an unknown intonation
    InputError : for lengths out of range, or a model whose encoder or decoder cannot stream
    """

    def __init__(
        self,
        codec: SpeechCodec,
        speaker: str,
        *,
        ahead_s: float = AHEAD_S,
        step_s: float = STEP_S,
        intonation: str | None = None,
        keep_level: bool = True,
        options: SpeakOptions = AS_TRAINED,
    ) -> None:
        if not (0 <= ahead_s <= 10 and 0 < step_s <= 1):
            raise InputError(f"{ahead_s} s ahead in steps of {step_s} s; 0 to 10 s ahead, in steps of up to 1 s")
        self._codec, voice = codec, codec.voice(speaker)
        self._intonation = choose_intonation(codec, intonation)
        hop_s = codec.hop_samples / codec.sample_rate
        ahead, step = -int(-(ahead_s / hop_s - 1e-9) // 1), max(1, round(step_s / hop_s))
        self._codes = CodeStream(codec, ahead=ahead, step=step)
        stream = codec.model.decoder.stream(voice, options)
        if stream is None:
            raise InputError(
                f"the decoder {codec.config.decoder['name']!r} of {codec.path} cannot speak while somebody speaks; use "
                "`vqspeech convert`, or a model with the decoder harmonic, such as the installed model english"
            )
        self._stream = stream
        self.step_s, self.ahead_s = step * hop_s, ahead * hop_s
        self.exact_ahead_s = (self._codes.exact_ahead + stream.margin) * hop_s
        """Speech after a sample on which it depends, through codes and decoder."""
        self._target = codec.mean_log_f0(speaker)
        follows = codec.takes_pitch and self._intonation != "predicted"
        self._pitch = LivePitch(codec.sample_rate) if follows else None
        self._level = LiveLevel(self.step_s) if keep_level else None
        self._step = step * self._codes.hop
        # less than the next step; the first one is such that codes are decided at the ends of steps
        self._held, self._due = np.zeros(0, np.float32), (ahead % step or step) * self._codes.hop
        # samples from the first code on that is not decided
        self._waiting = np.zeros(0, np.float32)
        # decided latents (dim, frames) that the next ones depend on
        self._past: Tensor | None = None

    @property
    def delay_s(self) -> float:
        """Time from a sample to the converted one, in seconds, for samples pushed one by one and no computing time."""
        return self.ahead_s + self.step_s

    def push(self, samples: Samples) -> Samples:
        """Take the next samples (time,) at the model's rate; return what is converted, at its output rate.

        The result does not depend on the lengths of blocks.
        """
        self._held = np.concatenate([self._held, samples])
        spoken = []
        while len(self._held) >= self._due:
            block, self._held, self._due = self._held[: self._due], self._held[self._due :], self._step
            pitch = self._heard(block)
            spoken += [self._spoken(codes, *pitch) for codes in self._codes.push(block)]
        return np.concatenate([np.zeros(0, np.float32), *spoken])

    def finish(self) -> Samples:
        """Return the rest; the stream cannot be used again."""
        pitch = self._heard(self._held)
        spoken = [self._spoken(codes, *pitch) for codes in self._codes.push(self._held)]
        codes, left = self._codes.finish(), len(self._waiting)
        if codes is not None:
            rest = -(-left * self._codec.model.decoder.hop_samples // self._codes.hop)
            spoken.append(self._spoken(codes, *pitch)[:rest])
        return np.concatenate([np.zeros(0, np.float32), *spoken])

    def _heard(self, samples: Samples) -> tuple[int, Samples | None]:
        """Take samples; return F0 up to them in the speaker's range, and the number of its first frame."""
        self._waiting = np.concatenate([self._waiting, samples])
        if self._pitch is None:
            return 0, None
        first, f0 = self._pitch.push(samples)
        return first, moved(f0, self._target, self._intonation)

    @torch.inference_mode()
    def _spoken(self, codes: Codes, pitch_start: int, pitch: Samples | None) -> Samples:
        """Generate the decided codes' samples."""
        quantizer, device = self._codec.model.quantizer, self._codec.device
        latents = quantizer.decode(torch.from_numpy(codes.codes)[None].to(device))[0]
        around = latents if self._past is None else torch.cat([self._past, latents], 1)
        past = around.shape[1] - latents.shape[1]
        stretch = Stretch(
            latents=around,
            start=codes.first - past,
            first=codes.first,
            last=codes.last,
            pitch=pitch,
            pitch_start=pitch_start,
        )
        speech = self._stream.next(stretch)
        decided = past + codes.last - codes.first
        self._past = around[:, max(0, decided - self._stream.margin) : decided]
        size = (codes.last - codes.first) * self._codes.hop
        source, self._waiting = self._waiting[:size], self._waiting[size:]
        return speech if self._level is None else self._level.push(source, speech)
