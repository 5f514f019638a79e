"""The Python interface: load a model and apply it to arrays, train, and score codes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np
import numpy.typing as npt

from vqspeech.checkpoints.hub import HubOptions
from vqspeech.codec.load import load_speech
from vqspeech.codec.speech import SpeechCodec, Utterance
from vqspeech.errors import AudioError, InputError
from vqspeech.nn.decoders.protocol import SpeakOptions

if TYPE_CHECKING:
    from torch import Tensor

    from vqspeech.training.trainer import TrainResult

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
        self.frame_rate_hz = codec.sample_rate / codec.hop_samples
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
        rows, restore = _rows(audio, 1, "audio", np.zeros((0, len(self.codebook_sizes), 0), np.int64))
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
        rows, restore = _rows(codes, 2, "codes", np.zeros((0, 0), np.float32))
        hop = self.codec.hop_samples
        utterances = [
            Utterance(codes=_integers(row), speaker=speaker, n_samples=row.shape[1] * hop, key=str(number))
            for number, row in enumerate(rows)
        ]
        speech = self.codec.speak(utterances, SpeakOptions(seed=seed, temperature=temperature))
        return restore(list(speech.waveforms))

    @overload
    def convert(
        self, audio: Array, sample_rate: int | None = None, *, speaker: str, seed: int = 0, temperature: float = 1.0
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
    ) -> list[Array]: ...
    def convert(
        self, audio: Any, sample_rate: int | None = None, *, speaker: str, seed: int = 0, temperature: float = 1.0
    ) -> Any:
        """Convert waveforms to a speaker's voice: `encode`, then `decode`; results are at `output_rate`.

        Parameters, errors and shapes as in `encode` and `decode`; the result covers whole frames.
        """
        self.codec.voice(speaker)
        codes = self.encode(audio, sample_rate)
        return self.decode(codes, speaker, seed=seed, temperature=temperature)

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


def load(run: str | Path, *, which: str = "last", device: str = "cpu") -> Model:
    """Load a trained model of speech.

    Parameters
    ----------
    run : in this order, a run or checkpoint directory, the name of an installed model (`vqspeech plugins list`), or a
        repository ``OWNER/NAME[@REVISION]`` of huggingface.co (extra ``hub``)
    which : ``"last"``, ``"best"``, or the name of a checkpoint
    device : ``"cpu"``, ``"cuda"``, ...

    Raises
    ------
    CheckpointError : for a missing or damaged checkpoint, or a model of another modality
    PluginError : names the plugin that the model needs and that is not installed
    InputError : for a repository that does not exist or cannot be reached
    """
    return Model(load_speech(run, which, device))


def from_pretrained(
    name: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    token: str | bool | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
    device: str = "cpu",
) -> Model:
    """Load a published model of speech: all of its weights, or an error.

    Of a repository only config.json, model.safetensors, checksums.json, voices.json and README.md are downloaded. The
    environment variables of huggingface_hub apply, such as ``HF_HOME`` and ``HF_HUB_OFFLINE``.

    Parameters
    ----------
    name : a directory, the name of an installed model, or a repository ``OWNER/NAME[@REVISION]``, as in `load`
    revision : branch, tag or commit of the repository
    cache_dir : folder of downloads
    token : access token of a private or gated repository; the stored one when None
    force_download : download again what is in the cache
    local_files_only : use the cache only
    device : ``"cpu"``, ``"cuda"``, ...

    Raises
    ------
    CheckpointError, PluginError, InputError : as `load`
    """
    options = HubOptions(
        revision=revision,
        cache_dir=cache_dir,
        token=token,
        force_download=force_download,
        local_files_only=local_files_only,
    )
    return Model(load_speech(name, device=device, options=options))


def train(
    config: str | Path | Mapping[str, Any],
    out: str | Path,
    *,
    data_dir: str | Path | None = None,
    overrides: Sequence[str] = (),
    fresh: bool = False,
) -> TrainResult:
    """Train a model, or continue training, as `vqspeech train` does.

    Parameters
    ----------
    config : a TOML file, or its tables as a mapping
    out : run directory; continued when it exists
    data_dir : folder of the corpus
    overrides : ``"key=value"`` settings, for example ``"train.steps=2000"``
    fresh : delete an earlier run in `out`

    Raises
    ------
    InputError : for a configuration, data or a directory that cannot be used
    """
    from vqspeech import runs
    from vqspeech.config import override, read_toml
    from vqspeech.modality import checked
    from vqspeech.training.run import train as train_run

    values = dict(config) if isinstance(config, Mapping) else read_toml(Path(config))
    settings, run = checked(override(values, overrides)), Path(out)
    with runs.locked(run):
        runs.open_run(run, settings, fresh=fresh)
        store = runs.prepare(settings, run, None if data_dir is None else Path(data_dir))
        return train_run(settings, run, store)


def score(
    run: str | Path, corpus: str, *, data_dir: str | Path | None = None, seed: int = 0, **options: Any
) -> dict[str, Any]:
    """Compare the codes of a run with the phones of a corpus, as `vqspeech analyze phonemes` does.

    Parameters
    ----------
    run : run or checkpoint directory
    corpus : registered name of a corpus with alignments
    data_dir : folder of the corpus
    seed : seed of baselines and intervals
    options : options of the analysis, for example ``labels_by="majority"``

    Returns
    -------
    accuracies of the codes, of chance and of k-means on the same frames; keys as in `vqspeech.analysis.phonemes.scores`

    Raises
    ------
    InputError : for a corpus without alignments, or options that the analysis does not have
    """
    from vqspeech.analysis.running import corpus_context, find_analysis, run_analysis
    from vqspeech.config import CorpusConfig
    from vqspeech.corpora.reading import read_corpus

    speech = read_corpus(CorpusConfig(name=corpus), None if data_dir is None else Path(data_dir))
    aligned = {one.id: one.alignment for one in speech.utterances if one.alignment is not None}
    context, _ = corpus_context(load_speech(run), speech, aligned, seed=seed)
    return dict(run_analysis(find_analysis("phonemes"), context, options).summary)


def _rows(
    given: Any, dimensions: int, what: str, nothing: npt.NDArray[Any]
) -> tuple[list[npt.NDArray[Any]], Callable[[list[npt.NDArray[Any]]], Any]]:
    """Return the items of the input as arrays, and a function that restores its type.

    `nothing` is the result for a batch without rows.
    """
    import torch

    if isinstance(given, str | Path):
        raise InputError(f"{what} = {str(given)!r}; give an array, not a path: read files with soundfile or librosa")
    if isinstance(given, list | tuple):
        parts = [_rows(item, dimensions, what, nothing) for item in given]
        if any(len(rows) != 1 or np.ndim(item) != dimensions for (rows, _), item in zip(parts, given, strict=True)):
            raise InputError(f"a list of {what} holds items of {dimensions} dimensions each")
        return [rows[0] for rows, _ in parts], lambda results: [
            restore([item]) for (_, restore), item in zip(parts, results, strict=True)
        ]
    tensor = isinstance(given, torch.Tensor)
    if isinstance(given, torch.Tensor) and given.dtype == torch.bfloat16:
        # NumPy has no such type.
        given = given.float()
    array = given.detach().cpu().numpy() if isinstance(given, torch.Tensor) else np.asarray(given)
    if array.ndim not in (dimensions, dimensions + 1):
        raise InputError(
            f"{what} of shape {array.shape}; give an array of {dimensions} or, for a batch, {dimensions + 1} dimensions"
        )
    batch = array.ndim > dimensions

    def restore(results: list[npt.NDArray[Any]]) -> Any:
        result = (np.stack(results) if results else nothing) if batch else results[0]
        return torch.from_numpy(result) if tensor else result

    return list(array) if batch else [array], restore


def _integers(codes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    if not np.issubdtype(codes.dtype, np.integer):
        raise InputError(f"codes of type {codes.dtype}; give integers")
    return codes.astype(np.int64)
