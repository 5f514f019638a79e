"""The stage ``align``: phone alignments of a corpus that has texts and none, for the analyses.

They are made from the original recordings after training, which does not see them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from vqspeech.analysis.contract import AnalysisContext
from vqspeech.corpora.alignments import find
from vqspeech.corpora.base import Corpus, Utterance
from vqspeech.corpora.store import AudioStore
from vqspeech.corpora.textgrids import LOG, align_corpus
from vqspeech.errors import ConfigError, InputError
from vqspeech.experiments import Result, Results, Stage, say
from vqspeech.experiments.analyses import GROUP
from vqspeech.progress import reporter
from vqspeech.registry import lookup
from vqspeech.registry.specs import AlignerSpec

AUTO, NONE = "auto", "none"
DEFAULT = "pocketsphinx"
"""The aligner of ``auto``, where it is installed."""


def check_aligner(name: object) -> str:
    """Return the setting ``aligner``: ``auto``, ``none``, or the name of a registered aligner.

    Raises
    ------
    ConfigError : for a value that is no text
    UnknownNameError : for an unknown aligner
    """
    if not isinstance(name, str):
        raise ConfigError(f"aligner = {name!r}; the name of an aligner, {AUTO!r} or {NONE!r}")
    if name not in (AUTO, NONE):
        lookup.find(AlignerSpec, name)
    return name


def align_stage(
    aligner: str, store: Callable[[], AudioStore], folder: Path, trim_db: float | None, after: tuple[str, ...]
) -> Stage:
    """Return the stage; where nothing is aligned, its result is a reason.

    Parameters
    ----------
    aligner : from `check_aligner`
    store : opens the prepared corpus
    folder : receives TextGrids
    trim_db : what the configuration trims recordings by
    after : the stages that prepare the corpus
    """
    name = DEFAULT if aligner == AUTO else aligner
    missing = aligner == AUTO and importlib.util.find_spec(DEFAULT) is None

    def work(made: Results) -> Result:
        corpus = _corpus(store())
        said = [one.duration_s for one in corpus.utterances if one.text]
        if aligner == NONE:
            return {"reason": "aligner = none"}
        if any(one.alignment is not None for one in corpus.utterances):
            return {"reason": "the corpus has alignments"}
        if not said:
            return {"reason": "the corpus has no texts"}
        if trim_db is not None:
            return {"reason": "corpus.trim_db cuts recordings, which corpus.aligner takes into account"}
        if missing:
            return {"reason": f"{DEFAULT} is not installed: pip install 'vqspeech[align]'"}
        speech = f"{len(said)} recordings ({sum(said) / 3600:.1f} h)"
        say(f"aligning {speech} with their texts by {name}, for the analyses; --set aligner={NONE} omits it")
        done = align_corpus(corpus, name, folder, progress=reporter("align"))
        for key, why in list(done.failed.items())[:1]:
            say(f"{len(done.failed)} recordings could not be aligned; the first, {key}: {why}")
        return {
            "aligner": name,
            "aligned": done.made + done.kept,
            "failed": len(done.failed),
            "without_text": len(done.without_text),
        }

    return Stage(
        name="align",
        group=GROUP,
        work=work,
        after=after,
        # Installing what was missing runs the stage again.
        config={"aligner": name, "asked": aligner, "missing": missing, "trim_db": trim_db},
        failure=lambda error: {"reason": f"aligning failed: {error}"},
    )


def with_alignments(context: AnalysisContext, aligner: str, store: AudioStore, folder: Path) -> AnalysisContext:
    """Return a context with the alignments that the stage made, where it has none of its own."""
    if context.alignments or aligner == NONE or not (folder / LOG).is_file():
        return context
    try:
        found = find(folder, _corpus(store).utterances)
    except InputError as error:
        say(f"no alignments: {error}")
        return context
    for place, why in list(found.skipped.items())[:1]:
        say(f"{len(found.skipped)} alignments cannot be used; the first, {place}: {why}")
    name = DEFAULT if aligner == AUTO else aligner
    return replace(context, alignments=found.alignments, labels_from=f"{name}, from the texts")


def _corpus(store: AudioStore) -> Corpus:
    utterances = tuple(
        Utterance(
            id=row.id,
            path=row.path,
            speaker=row.speaker,
            text=row.text,
            split=row.split,
            duration_s=row.n_samples / store.sample_rate,
            alignment=row.alignment,
        )
        for row in store.rows
    )
    facts = store.corpus
    return Corpus(name=facts.name, root=facts.root, variant=facts.variant, utterances=utterances)
