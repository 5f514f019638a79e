"""A trained model of speech, applied to arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np
import numpy.typing as npt

from vqspeech.api.arrays import integers, rows_of
from vqspeech.codec.speech import SpeechCodec, Utterance, choose_intonation
from vqspeech.conversion import Conversion, convert
from vqspeech.errors import AudioError, InputError, unknown_name
from vqspeech.nn.decoders.protocol import SpeakOptions

if TYPE_CHECKING:
    from torch import Tensor

    from vqspeech.codes import CodeTable

Floats = npt.NDArray[np.floating[Any]]
Codes = npt.NDArray[np.integer[Any]]
Array = TypeVar("Array", Floats, "Tensor")


class Model:
    """A trained model of speech, loaded by `vqspeech.load`.

    Waveforms are (time,) or a batch (batch, time), as NumPy arrays or tensors, or a list of waveforms of any lengths.
    Results have the type and batch dimension of the input: an array for an array, a list for a list.

    Attributes
    ----------
    speakers : speaker ids
    sample_rate : rate of the waveforms that it encodes, in Hz
    output_rate : rate of the waveforms that it decodes to, in Hz; usually the same
    frame_rate_hz : codes per second and codebook
    codebook_sizes : number of codes of each codebook
    codec : the underlying codec, see `vqspeech.codec.SpeechCodec`
    """

    def __init__(self, codec: SpeechCodec) -> None:
        self.codec = codec
        self.speakers = codec.speakers
        self.sample_rate = codec.sample_rate
        self.output_rate = codec.output_rate
        self.frame_rate_hz = codec.frame_rate_hz
        self.codebook_sizes = codec.codebook_sizes

    def __repr__(self) -> str:
        rate, sizes = f"{self.frame_rate_hz:g} Hz", " x ".join(map(str, self.codebook_sizes))
        return f"<vqspeech model {self.codec.path}: {sizes} codes at {rate}, {len(self.speakers)} speakers>"

    @overload
    def encode(self, audio: Array, sample_rate: int | None = None) -> Array: ...
    @overload
    def encode(self, audio: Sequence[Array], sample_rate: int | None = None) -> list[Array]: ...
    def encode(self, audio: Any, sample_rate: int | None = None) -> Any:
        """Encode waveforms to codes.

        Parameters
        ----------
        audio : (time,), (batch, time) or a list of (time,), in [-1, 1]
        sample_rate : rate of the audio in Hz, resampled to the model's; None for audio at the model's rate

        Returns
        -------
        (codebooks, frames), (batch, codebooks, frames) or a list of (codebooks, frames), int64

        Raises
        ------
        AudioError : for empty audio, or samples that are not finite
        InputError : for other shapes
        """
        rows, restore = rows_of(audio, 1, "audio", np.zeros((0, len(self.codebook_sizes), 0), np.int64))
        waveforms = [self._waveform(row, sample_rate) for row in rows]
        by_row = {number: codes for number, _, codes in self.codec.encode_all(enumerate(waveforms))}
        return restore([by_row[number] for number in range(len(rows))])

    @overload
    def decode(self, codes: Array, speaker: str, *, seed: int = 0, temperature: float = 1.0) -> Array: ...
    @overload
    def decode(
        self, codes: Sequence[Array], speaker: str, *, seed: int = 0, temperature: float = 1.0
    ) -> list[Array]: ...
    def decode(self, codes: Any, speaker: str, *, seed: int = 0, temperature: float = 1.0) -> Any:
        """Decode codes to waveforms in a speaker's voice.

        Parameters
        ----------
        codes : (codebooks, frames), (batch, codebooks, frames) or a list of (codebooks, frames)
        speaker : id, one of `speakers`
        seed : seed of the random draws
        temperature : below 1 is less random; 0 takes the most likely value

        Returns
        -------
        (time,), (batch, time) or a list of (time,), float32 in [-1, 1] at `output_rate`

        Raises
        ------
        UnknownNameError : for a speaker that the model does not have
        InputError : for codes of other shapes, or outside the codebooks
        """
        rows, restore = rows_of(codes, 2, "codes", np.zeros((0, 0), np.float32))
        hop = self.codec.hop_samples
        utterances = [
            Utterance(codes=integers(row), speaker=speaker, n_samples=row.shape[1] * hop, key=str(number))
            for number, row in enumerate(rows)
        ]
        speech = self.codec.speak(utterances, SpeakOptions(seed=seed, temperature=temperature))
        return restore(list(speech.waveforms))

    @overload
    def convert(
        self,
        audio: Array,
        sample_rate: int | None = None,
        *,
        speaker: str,
        seed: int = 0,
        temperature: float = 1.0,
        intonation: str | None = None,
    ) -> Array: ...
    @overload
    def convert(
        self,
        audio: Sequence[Array],
        sample_rate: int | None = None,
        *,
        speaker: str,
        seed: int = 0,
        temperature: float = 1.0,
        intonation: str | None = None,
    ) -> list[Array]: ...
    def convert(
        self,
        audio: Any,
        sample_rate: int | None = None,
        *,
        speaker: str,
        seed: int = 0,
        temperature: float = 1.0,
        intonation: str | None = None,
    ) -> Any:
        """Convert waveforms to a speaker's voice; results are at `output_rate`, and cover whole frames.

        A model whose decoder takes pitch keeps melody, level and digital silence of the audio, as `vqspeech convert`
        does. Any other encodes and then decodes.

        Parameters, errors and shapes as in `encode` and `decode`

        intonation : ``"source"``, ``"predicted"`` or ``"flat"``, see `vqspeech.conversion.convert`
        """
        codec = self.codec
        codec.voice(speaker)
        if not codec.takes_pitch:
            choose_intonation(codec, intonation)
            return self.decode(self.encode(audio, sample_rate), speaker, seed=seed, temperature=temperature)
        rows, restore = rows_of(audio, 1, "audio", np.zeros((0, 0), np.float32))
        waveforms = [self._waveform(row, sample_rate) for row in rows]
        items = [
            Conversion(waveform=np.pad(waveform, (0, -len(waveform) % codec.hop_samples)), speaker=speaker, key=str(n))
            for n, waveform in enumerate(waveforms)
        ]
        options = SpeakOptions(seed=seed, temperature=temperature)
        return restore(list(convert(codec, items, options, intonation=intonation).waveforms))

    def pack(self, codes: Any, *, prior: str | Path | None = None, speaker: str = "") -> bytes:
        """Pack codes into a bitstream, as `vqspeech encode --bitstream` does (extra ``bitstream``).

        Parameters
        ----------
        codes : (codebooks, frames), (batch, codebooks, frames) or a list of (codebooks, frames)
        prior : run of a prior over the codes, which drives the coder; adaptive counts do when None
        speaker : speaker of the recordings, for a prior that is conditioned on it

        Raises
        ------
        InputError : for codes of other shapes or outside the codebooks, none at all, a prior over other codes, or
            without constriction
        """
        from vqspeech.bitstream import pack
        from vqspeech.bitstream.files import model_name
        from vqspeech.training.codes import load_prior

        rows, _ = rows_of(codes, 2, "codes", np.zeros(0))
        table = _table(self.codec, [integers(row) for row in rows], speaker)
        return pack(table, model_name(self.codec), prior=None if prior is None else load_prior(prior)).content

    def unpack(self, content: bytes, *, prior: str | Path | None = None) -> list[npt.NDArray[np.int64]]:
        """Return the codes (codebooks, frames) of each recording of a bitstream, exactly as they were packed.

        Parameters
        ----------
        content : bytes of the bitstream
        prior : run of the prior that drove the coder

        Raises
        ------
        InputError : for a bitstream of another model or prior, or one that is cut short or altered; without
            constriction
        """
        from vqspeech.bitstream import unpack
        from vqspeech.training.codes import load_prior

        table = unpack(content, self.codec, prior=None if prior is None else load_prior(prior))
        return [row.codes for row in table]

    def save_pretrained(self, directory: str | Path, **options: Any) -> Path:
        """Write the model as a directory to publish, as `vqspeech export` does; return the directory.

        Parameters
        ----------
        directory : new, empty, or of an earlier export; `from_pretrained` loads it
        options : fields of `vqspeech.publishing.export.ExportOptions`, such as ``speakers=["slt"]``,
            ``dtype="float32"``, ``results="eval/results.json"``, ``notes="notes.md"``

        Raises
        ------
        InputError : for a directory that holds other files, or options that cannot be used
        """
        from dataclasses import fields

        from vqspeech.publishing.export import ExportOptions, export

        known = {field.name for field in fields(ExportOptions)}
        for key, value in options.items():
            if key not in known:
                raise unknown_name("option of save_pretrained:", key, known)
            if key in ("results", "notes", "voices") and value is not None:
                options[key] = Path(value)
        return export(self.codec, Path(directory), ExportOptions(**options)).path

    def _waveform(self, row: npt.NDArray[Any], sample_rate: int | None) -> npt.NDArray[np.float32]:
        from vqspeech.audio import resample

        if not np.issubdtype(row.dtype, np.floating):
            raise AudioError(f"audio of type {row.dtype}; give floating-point samples in [-1, 1]")
        if not len(row):
            raise AudioError("audio of 0 samples; give at least one")
        if not np.isfinite(row).all():
            raise AudioError("audio with samples that are not finite (NaN or infinite)")
        samples = row.astype(np.float32)
        if sample_rate is not None and sample_rate != self.sample_rate:
            if not 1 <= sample_rate < math.inf:
                raise InputError(f"sample_rate = {sample_rate}; give the rate of the audio in Hz")
            samples = resample(samples, sample_rate, self.sample_rate)
        return samples


def _table(codec: SpeechCodec, rows: Sequence[npt.NDArray[np.int64]], speaker: str) -> CodeTable:
    """Make a table of codes (codebooks, frames) that cover whole frames."""
    from vqspeech.codes import UtteranceCodes
    from vqspeech.encoding.tables import table_of

    found = []
    for number, row in enumerate(rows):
        samples = row.shape[1] * codec.hop_samples
        found.append(UtteranceCodes(id=str(number), speaker=speaker, split="", path="", n_samples=samples, codes=row))
    return table_of(codec, found)
