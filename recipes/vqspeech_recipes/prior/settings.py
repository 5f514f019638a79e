"""Settings of the recipe `prior`: the model of the codes, the corpus, the priors, and what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqspeech.codec.load import load_speech
from vqspeech.codec.speech import SpeechCodec
from vqspeech.config import CorpusConfig, RunConfig, Strict, at_least, merge, parse
from vqspeech.corpora.reading import check_corpus
from vqspeech.errors import CheckpointError, ConfigError
from vqspeech.experiments import RecipeRequest
from vqspeech.experiments.settings import requested_corpus, resolve
from vqspeech.runs import RunDirectory
from vqspeech.training import run as runs

DEMO, SPEECH = "demo", "speech"
"""Presets: on synthetic speech, and on the recordings that the shipped voices learned from."""

FOLDERS = ("voices", "librispeech-251", "speechocean")
"""Folders of the preset `SPEECH`."""

MAIN, FURTHER = "prior", "priors"
"""Folders of the run directories of the first prior, and of the others."""

TRAIN = "train"
"""The name that ``--stages`` uses for the training of all priors."""


@dataclass(frozen=True, kw_only=True)
class CodesConfig(Strict):
    """The codes: the table ``[codes]``.

    Parameters
    ----------
    model : what encodes and decodes: an installed model, a run directory, or a repository
    codebooks : number of the first codebooks to use; 0 for all
    window : frames of a window; utterances of a speaker are joined until they are at least as long
    phones : inventory of the phones, see `vqspeech.alignment.inventories.fold_all`
    """

    model: str = "english"
    codebooks: int = 0
    window: int = 320
    phones: str = "auto"

    def __post_init__(self) -> None:
        at_least(0, self, "codes", "codebooks")
        at_least(2, self, "codes", "window")


@dataclass(frozen=True, kw_only=True)
class SampleConfig(Strict):
    """What is drawn and compared: the table ``[sample]``.

    Parameters
    ----------
    count : windows of each prior, of n-grams, and of held-out speech
    temperature, top_p : see `vqspeech.generation.generate`
    """

    count: int = 96
    temperature: float = 1.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        at_least(2, self, "sample", "count")


@dataclass(frozen=True, kw_only=True)
class ListenConfig(Strict):
    """What is decoded and judged: the table ``[listen]``.

    Parameters
    ----------
    clips : windows of each set that are decoded, each in two voices
    played : windows of them with players on the page
    voices : voices of the model, in turn; all when empty
    recogniser : folder or name of a Whisper model; empty for the one of the extra ``judge``
    language : language of the speech
    """

    clips: int = 12
    played: int = 4
    voices: tuple[str, ...] = ()
    recogniser: str = ""
    language: str = "en"

    def __post_init__(self) -> None:
        at_least(1, self, "listen", "clips", "played")


@dataclass(frozen=True, kw_only=True)
class PriorRun:
    """A prior and its training.

    Parameters
    ----------
    name : name in tables and on the page
    run : configuration of its training
    folder : its run directory in that of the recipe
    """

    name: str
    run: RunConfig
    folder: str

    @property
    def stage(self) -> str:
        """Name of the stage that trains it."""
        return f"{TRAIN}/{self.name}"

    def directory(self, out: RunDirectory) -> RunDirectory:
        """Return its run directory."""
        return out.below(self.folder)


@dataclass(frozen=True, kw_only=True)
class PriorSettings:
    """Everything a run of the recipe depends on.

    Parameters
    ----------
    seed : seed of all random numbers
    corpus : the speech
    codes, sample, listen : see their classes
    codec : the model of the codes, with the codebooks in use
    priors : the priors, the first of them in the folder `MAIN`
    data_dir : folder of the corpus; None for the demo corpus
    choices : sentences on what was chosen for the user, and how to choose otherwise
    """

    seed: int
    corpus: CorpusConfig
    codes: CodesConfig
    sample: SampleConfig
    listen: ListenConfig
    codec: SpeechCodec
    priors: tuple[PriorRun, ...]
    data_dir: Path | None
    choices: tuple[str, ...]

    @property
    def window_s(self) -> float:
        """Duration of a window in seconds."""
        return self.codes.window / self.codec.frame_rate_hz

    @property
    def voices(self) -> tuple[str, ...]:
        """Voices that decode, in turn."""
        return self.listen.voices or self.codec.speakers or ("",)


@dataclass(frozen=True, kw_only=True)
class _Tables(Strict):
    """The tables of a configuration."""

    seed: int = 0
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    codes: CodesConfig = field(default_factory=CodesConfig)
    sample: SampleConfig = field(default_factory=SampleConfig)
    listen: ListenConfig = field(default_factory=ListenConfig)
    train: dict[str, Any] = field(default_factory=dict)
    priors: dict[str, dict[str, Any]] = field(default_factory=dict)


def resolve_settings(request: RecipeRequest) -> PriorSettings:
    """Return the settings of a request: file, or preset by data, with overrides.

    Raises
    ------
    InputError : for unknown keys, names and values, and a model that is not there
    """
    corpus, preset, choices = _choose(requested_corpus(request), request.data_dir)
    resolved = resolve(request, __package__, corpus=corpus, preset=preset, choices=choices)
    tables = parse(_Tables, resolved.values)
    check_corpus(tables.corpus, "audio")
    codec = _codec(tables.codes)
    for voice in tables.listen.voices:
        codec.speaker_index(voice)
    return PriorSettings(
        seed=tables.seed,
        corpus=tables.corpus,
        codes=tables.codes,
        sample=tables.sample,
        listen=tables.listen,
        codec=codec,
        priors=_priors(tables, codec),
        data_dir=resolved.data_dir,
        choices=resolved.choices,
    )


def _choose(named: str | None, data_dir: Path | None) -> tuple[str, str, tuple[str, ...]]:
    """Return corpus and preset, and what to say about the choice."""
    if named is not None:
        return named, SPEECH if named == "mixture" else DEMO, ()
    if data_dir is None:
        how = (
            "corpus: the synthetic demo corpus, since neither --data-dir nor VQSPEECH_DATA is given; give the folder "
            "of recordings, one folder per speaker, as --data-dir DIR"
        )
        return "demo", DEMO, (how,)
    if all((data_dir / folder).is_dir() for folder in FOLDERS):
        return "mixture", SPEECH, (f"corpus: {', '.join(FOLDERS)} in {data_dir}; --corpus folder reads all of it",)
    return "folder", DEMO, (f"corpus: the recordings in {data_dir}; --corpus NAME reads another layout",)


def _codec(codes: CodesConfig) -> SpeechCodec:
    try:
        codec = load_speech(codes.model)
    except CheckpointError as error:
        raise CheckpointError(
            f"codes.model = {codes.model!r}: {error}. The model `english` comes with the distribution vqspeech-voices; "
            "--set codes.model=RUN takes the codes of a run of your own"
        ) from error
    return codec.with_codebooks(codes.codebooks or None)


def _priors(tables: _Tables, codec: SpeechCodec) -> tuple[PriorRun, ...]:
    """Return the priors of the tables ``[priors.NAME]``, the first in the folder `MAIN`."""
    if not tables.priors:
        raise ConfigError("priors: no prior; give a table [priors.NAME] for each, with the tables model and train")
    crop = {"crop_samples": tables.codes.window * codec.hop_samples}
    found: list[PriorRun] = []
    for name, values in tables.priors.items():
        if not name.replace("-", "").replace("_", "").isalnum():
            raise ConfigError(f"priors.{name}: letters, digits, - and _; give the name of the prior as model.name")
        model, train = (_table(values, key, name) for key in ("model", "train"))
        if unknown := values.keys() - {"model", "train"}:
            raise ConfigError(f"priors.{name}.{min(unknown)}: unknown key; a prior has the tables model and train")
        run = runs.checked(
            {
                "modality": "codes",
                "seed": tables.seed,
                "model": {"name": name, **model},
                "train": merge({**crop, **tables.train}, train),
            }
        )
        found.append(PriorRun(name=name, run=run, folder=f"{FURTHER}/{name}" if found else MAIN))
    return tuple(found)


def _table(values: Mapping[str, Any], key: str, name: str) -> dict[str, Any]:
    table = values.get(key, {})
    if not isinstance(table, Mapping):
        raise ConfigError(f"priors.{name}.{key} = {table!r}; a table")
    return dict(table)
