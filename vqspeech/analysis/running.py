"""Run registered analyses: make a context of a run and a corpus, and compute the result."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from vqspeech import audio
from vqspeech.alignment.base import Alignment
from vqspeech.analysis import summary as summaries
from vqspeech.analysis.contract import AnalysisContext, AnalysisResult
from vqspeech.analysis.phonemes import training_audio
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable
from vqspeech.config import CorpusConfig, plain
from vqspeech.corpora.base import Corpus
from vqspeech.corpora.store import AudioStore
from vqspeech.encoding import encode_files
from vqspeech.errors import CheckpointError, InputError, PluginError
from vqspeech.modality import Modality, checked
from vqspeech.registry import contracts, lookup
from vqspeech.registry.records import Entry
from vqspeech.registry.specs import AnalysisSpec, ModalitySpec
from vqspeech.runs import RunDirectory

Report = Callable[[int, int], None]


def find_analysis(name: str) -> Entry[AnalysisSpec]:
    """Find a registered analysis; raise UnknownNameError for an unregistered name."""
    return lookup.find(AnalysisSpec, name)


def check_options(entry: Entry[AnalysisSpec], values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Check options of an analysis by name and type, and convert them.

    Parameters
    ----------
    values : option -> plain value
    prefix : prefix of names in messages

    Raises
    ------
    UnknownNameError : for an option that it does not have; lists those that it has
    ConfigError : for a value of another type
    """
    return contracts.options(entry).checked(values, prefix, f"option of {entry.title}:")


def check_media(entry: Entry[AnalysisSpec], modality: str) -> None:
    """Raise InputError when an analysis is not for codes of a modality; names both."""
    media = lookup.spec(ModalitySpec, modality).media
    if entry.spec.media is not None and media not in entry.spec.media:
        raise InputError(
            f"{entry.title} is for codes of {' or '.join(entry.spec.media)}; "
            f"these are of the modality {modality!r} ({media})"
        )


def run_analysis(
    entry: Entry[AnalysisSpec], context: AnalysisContext, options: Mapping[str, Any] | None = None
) -> AnalysisResult:
    """Run an analysis, and convert its summary to JSON values.

    Parameters
    ----------
    options : plain values, see `check_options`

    Raises
    ------
    InputError : when the analysis cannot use the codes, and as in `check_options`
    PluginError : when it returns something else than an `AnalysisResult`, or a summary without a JSON form
    FailedPluginError : when a plugin's analysis raises an unexpected exception
    """
    check_media(entry, context.table.modality)
    if context.out is not None:
        context.out.mkdir(parents=True, exist_ok=True)
    result: AnalysisResult = contracts.call(entry, context, options=options)
    try:
        values = summaries.json_values(result.summary)
    except TypeError as error:
        raise PluginError(f"{entry.title} returned a summary that is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise PluginError(
            f"{entry.title} returned a summary of type {type(result.summary).__name__}; it must be a mapping"
        )
    scores = result.scores if result.scores is not None else summaries.numbers(values)
    return replace(result, summary=values, scores=scores)


def corpus_context(
    codec: SpeechCodec,
    corpus: Corpus,
    alignments: Mapping[str, Alignment],
    *,
    labels_from: str = "",
    progress: Report | None = None,
    out: Path | None = None,
    seed: int = 0,
) -> tuple[AnalysisContext, dict[str, str]]:
    """Encode a corpus of speech for an analysis.

    Parameters
    ----------
    codec : the model
    alignments : utterance id -> alignment
    labels_from : where they are from
    progress : called with utterances encoded and in all
    out, seed : as in `AnalysisContext`

    Returns
    -------
    the context, and the files that could not be read with the reason of each
    """
    paths = {utterance.id: utterance.path for utterance in corpus.utterances}
    facts = {str(u.path): {"id": u.id, "speaker": u.speaker, "split": u.split} for u in corpus.utterances}
    table, skipped = encode_files(codec, list(paths.values()), progress, facts)
    context = AnalysisContext(
        table=table,
        codec=codec,
        alignments=alignments,
        labels_from=labels_from,
        waveform_of=lambda name: audio.read(paths[name], table.sample_rate),
        trained_on=training_audio.of_run(codec, seed),
        out=out,
        seed=seed,
    )
    return context, skipped


def run_context(
    modality: Modality, codec: Any, *, progress: Report | None = None, out: Path | None = None, seed: int = 0
) -> AnalysisContext:
    """Encode the data that a run was trained on, all splits, for an analysis.

    Parameters
    ----------
    modality, codec : modality and codec of the run, see `vqspeech.codec.load.load_with_modality`
    progress, out, seed : as in `corpus_context`

    Raises
    ------
    CheckpointError : when the run has no readable store of its data
    PluginError : when the modality does not encode stores
    """
    directory = RunDirectory.of_checkpoint(codec.path)
    if not directory.store.exists():
        raise CheckpointError(f"{codec.path} has no store of its training data; give a corpus: --corpus NAME")
    store = modality.open(directory.store)
    aligner = (codec.facts.get("run") or {}).get("corpus", {}).get("aligner")
    table = _encode_store(modality, codec, store, progress)
    return store_context(codec, store, table, aligner=aligner, out=out, seed=seed)


@contextmanager
def prepared_context(
    modality: Modality,
    codec: Any,
    corpus: CorpusConfig,
    data_dir: Path | None,
    *,
    progress: Report | None = None,
    out: Path | None = None,
    seed: int = 0,
) -> Iterator[AnalysisContext]:
    """Prepare a corpus of any medium in a temporary folder, and encode it for an analysis.

    Parameters
    ----------
    modality, codec : as in `run_context`
    corpus, data_dir : the corpus and its folder
    progress, out, seed : as in `corpus_context`

    Raises
    ------
    ConfigError, CorpusError : for a corpus that the modality cannot use
    """
    values = {**codec.facts["run"], "corpus": plain(corpus)}
    with tempfile.TemporaryDirectory(prefix="vqspeech-analyze-") as folder:
        store = modality.prepare(checked(values), data_dir, Path(folder) / "store", progress)
        table = _encode_store(modality, codec, store, progress)
        yield store_context(codec, store, table, aligner=corpus.aligner, out=out, seed=seed)


def store_context(
    codec: Any, store: Any, table: CodeTable, *, aligner: str | None = None, out: Path | None = None, seed: int = 0
) -> AnalysisContext:
    """Make the context of codes of a prepared corpus.

    Parameters
    ----------
    codec : the model
    store : the prepared corpus; an `AudioStore` gives alignments, waveforms and training audio
    table : the codes of its rows
    aligner : what aligned the utterances that came without alignment
    out, seed : as in `AnalysisContext`
    """
    context = AnalysisContext(table=table, codec=codec, out=out, seed=seed)
    if not isinstance(store, AudioStore):
        return context
    return replace(
        context,
        alignments={row.id: row.alignment for row in store.rows if row.alignment is not None},
        labels_from=labels_from("the corpus", aligner),
        waveform_of=lambda name: store.waveform(store.by_id(name)),
        trained_on=training_audio.of_store(store, seed),
    )


def labels_from(place: str, aligner: str | None) -> str:
    """Return in words where alignments are from: `place`, and an aligner for what has none there."""
    return place if aligner is None else f"{place}, and {aligner} where that has none"


def _encode_store(modality: Modality, codec: Any, store: Any, progress: Report | None) -> CodeTable:
    if not hasattr(modality, "encode_store"):
        raise PluginError(f"{codec.path} is of a modality that does not encode stores: {type(modality).__name__}")
    return modality.encode_store(codec, store, progress=progress)
