"""Train models and score their codes from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqspeech.codec.load import load_speech

if TYPE_CHECKING:
    from vqspeech.training.trainer import TrainResult


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
