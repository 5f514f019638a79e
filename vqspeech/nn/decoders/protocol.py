"""The contract of decoders: what the model, conversion and `vqspeech.testing` rely on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vqspeech.nn.batch import SpeechBatch

MAIN = "main"
"""Name of the parameter group of encoder, quantizer, and the decoder's parameters that no other group names."""


@dataclass(frozen=True, kw_only=True)
class Latents:
    """Description of the latents that a decoder is built for.

    Parameters
    ----------
    dim : channels of the latents
    hop_samples : samples of the encoded waveform per latent
    sample_rate : rate of the encoded waveform, in Hz
    speakers : number of speakers; 0 for none
    """

    dim: int
    hop_samples: int
    sample_rate: int
    speakers: int


class LatentFrames(Protocol):
    """Latents of one utterance, of any length, decoded from codes as they are needed."""

    def __len__(self) -> int:
        """Return the number of frames."""
        ...

    def __getitem__(self, frames: slice, /) -> Tensor:
        """Return latents (dim, frames) of a slice."""
        ...


@dataclass(frozen=True, kw_only=True)
class SpeakOptions:
    """Options of speech generation; a decoder ignores those that it does not use.

    Parameters
    ----------
    seed : seed of random draws
    temperature : below 1 is less random; 0 takes the most likely value
    engine : sampling engine of autoregressive decoders: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"reference"``
    weights : storage of weights in an engine: ``"fp32"`` or ``"bf16"``
    parts : number of parts of an utterance to generate in parallel, or ``"auto"``; 1 is exact
    streams : random stream of each utterance; 0, 1, 2, ... when None
    pitch : of each utterance F0 in Hz, (frames,) at `vqspeech.nn.batch.PITCH_RATE`, 0 for unvoiced, or None to predict
        it from codes and speaker; None for all. For decoders with `Decoder.needs_pitch`
    progress : called with (samples generated, samples to generate), of all utterances or of the longest
    own : further options of a plugin's decoder, by name
    """

    seed: int = 0
    temperature: float = 1.0
    engine: str = "auto"
    weights: str = "fp32"
    parts: int | str = 1
    streams: tuple[int, ...] | None = None
    pitch: tuple[npt.NDArray[np.float32] | None, ...] | None = None
    progress: Callable[[int, int], None] | None = None
    own: dict[str, Any] = field(default_factory=dict)


class Piece(NamedTuple):
    """The next samples of an utterance.

    Parameters
    ----------
    utterance : index of the utterance
    waveform : (time,) float32 in [-1, 1] at the decoder's rate
    last : whether the piece is the utterance's last
    engine : name of the engine, for the log
    """

    utterance: int
    waveform: npt.NDArray[np.float32]
    last: bool
    engine: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Stretch:
    """Latents of which samples are to be generated, with those around them.

    Parameters
    ----------
    latents : (dim, frames)
    start : number of the first of them in the utterance
    first, last : samples of the latents `first` to `last`, without it, are generated
    pitch : F0 in Hz, (frames,) at `vqspeech.nn.batch.PITCH_RATE`, 0 for unvoiced, over these latents at least; None to
        predict it
    pitch_start : number of the first frame of `pitch` in the utterance
    """

    latents: Tensor
    start: int
    first: int
    last: int
    pitch: npt.NDArray[np.float32] | None = None
    pitch_start: int = 0


class DecoderStream(Protocol):
    """An utterance that is generated while it is spoken; see `Decoder.stream`.

    Attributes
    ----------
    margin : latents on either side that a stretch depends on; with fewer after it, it is generated as if the utterance
        ended there
    """

    margin: int

    def next(self, stretch: Stretch, /) -> npt.NDArray[np.float32]:
        """Generate the next stretch, which begins where the last one ended; (time,) float32 in [-1, 1]."""
        ...


class Decoder(nn.Module):
    """The protocol of decoders, api 1: latents (batch, dim, frames) and a speaker to waveforms.

    The factory that a plugin registers is called as ``make(latents, **options)``: a `Latents`, then the keys of
    ``[model.decoder]`` as keywords. It raises `ValueError` or `ConfigError` for options that cannot be used.

    Attributes
    ----------
    sample_rate : rate of the generated waveform, in Hz
    hop_samples : generated samples per latent
    criterion : name of the term that is compared between checkpoints and with shuffled codes; lower is better.
        ``"nll"`` is in nats per sample
    needs_pitch : whether `losses` needs ``batch.f0`` and `speak` takes ``options.pitch``
    pitch_mean : (speakers,) mean log F0 of each, from `fit_pitch`; of decoders that need pitch
    compilation : ``train.compile``, set by training; a decoder without compiled code ignores it
    computation : name of what computed the last loss with gradients, kept in checkpoints; may stay empty
    speaker_embedding : the table of speakers, one row each and nothing else that depends on a speaker except the
        buffers of `speaker_buffers`; absent or None for a decoder whose voices cannot be added or removed
    """

    sample_rate: int
    hop_samples: int
    criterion: str = "nll"
    needs_pitch: bool = False
    pitch_mean: Tensor
    compilation: Literal["auto", True, False] = False
    computation: str = ""

    def losses(
        self, z_q: Tensor, batch: SpeechBatch, generator: torch.Generator | None = None, *, group: str = MAIN
    ) -> dict[str, Tensor]:
        """Compute the terms that a parameter group minimises.

        Parameters
        ----------
        z_q : (batch, dim, frames) quantized latents of the crops; detached for every group but ``"main"``
        batch : the crops; ``batch.share`` holds the normalisers with which terms of shares sum to those of the batch
        generator : generator of noise in training; None in evaluation
        group : a key of `parameter_groups`

        Returns
        -------
        name -> scalar with gradient; their sum is minimised. The terms of ``"main"`` include `criterion`
        """
        raise NotImplementedError

    def speak(
        self,
        latents: Sequence[LatentFrames],
        speakers: Sequence[int | None],
        lengths: Sequence[int],
        options: SpeakOptions,
    ) -> Iterator[Piece]:
        """Generate speech.

        Parameters
        ----------
        latents : latents of each utterance
        speakers : speaker index of each, None for a decoder without speakers
        lengths : number of samples of each at the decoder's rate, at most frames * hop_samples
        options : options of generation

        Yields
        ------
        pieces of each utterance in order, those of different utterances in any order. At Ctrl-C the samples generated
        so far are yielded, then `KeyboardInterrupt` is raised again
        """
        raise NotImplementedError

    def stream(self, speaker: int | None, options: SpeakOptions) -> DecoderStream | None:
        """Begin an utterance that is generated while it is spoken, as its latents become known.

        Parameters
        ----------
        speaker : speaker index, None for a decoder without speakers
        options : as in `speak`, for one utterance; `SpeakOptions.pitch` comes in `Stretch.pitch`

        Returns
        -------
        the utterance; None by default, for a decoder that cannot do this
        """
        return None

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return groups of parameters that are optimised apart, such as ``{"adversary": [...]}``.

        Each has its own loss, optimiser and backward pass.
        """
        return {}

    def speaker_buffers(self) -> list[str]:
        """Return the names of buffers with one row per speaker, beside `speaker_embedding`; none by default."""
        return []

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Return the matrices that the optimiser Muon may orthogonalise; none by default."""
        return []

    def fit_pitch(self, mean: Tensor, std: Tensor) -> None:
        """Take mean and standard deviation of log F0 over voiced frames, each (speakers,), before training."""

    def start(self, batch: SpeechBatch, generator: torch.Generator) -> None:
        """Initialise from data; called once before the first step, with the same batch everywhere."""
