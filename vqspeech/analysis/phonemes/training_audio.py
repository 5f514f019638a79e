"""The audio that a model was trained on, for fair baselines: from its run's store, or its corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech import audio
from vqspeech.codec.speech import SpeechCodec
from vqspeech.config import CorpusConfig
from vqspeech.corpora.reading import read_corpus
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import AudioError, CheckpointError, InputError
from vqspeech.runs import RunDirectory

FRAMES = 30_000
"""At most this many frames are taken: 20 minutes at 25 Hz, of utterances in random order."""


def of_store(store: AudioStore, seed: int) -> Iterator[np.ndarray]:
    """Yield waveforms (time,) of the training split of a store, in random order."""
    for index in np.random.default_rng(seed).permutation(store.indices("train")):
        yield store.waveform(int(index))


def of_run(checkpoint: SpeechCodec, seed: int, data_dir: Path | None = None) -> Iterator[np.ndarray] | None:
    """Return waveforms (time,) of a checkpoint's training data, shuffled; None if unavailable.

    Parameters
    ----------
    checkpoint : its run's store lies beside the checkpoints
    data_dir : where the corpus that the checkpoint names lies, for a run without its store; with the store it is not
        needed

    Raises
    ------
    InputError : `data_dir` is given, and the checkpoint does not say which corpus it was trained on
    CorpusError : `data_dir` does not hold that corpus
    """
    for run in (RunDirectory.of_checkpoint(checkpoint.path), RunDirectory(checkpoint.path.parent)):
        if run.store.is_dir():
            try:
                return of_store(AudioStore.open(run.store), seed)
            except CheckpointError:
                break
    if data_dir is None:
        return None
    facts: dict[str, Any] = checkpoint.facts.get("run", {}).get("corpus", {})
    if "name" not in facts:
        raise InputError(
            f"{checkpoint.path} does not say which corpus it was trained on, so --train-data cannot be read"
        )
    corpus = read_corpus(CorpusConfig(name=facts["name"], options=facts.get("options", {})), data_dir)
    return _read([utterance.path for utterance in corpus.split("train")], checkpoint.sample_rate, seed)


def _read(paths: list[Path], sample_rate: int, seed: int) -> Iterator[np.ndarray]:
    for index in np.random.default_rng(seed).permutation(len(paths)):
        try:
            yield audio.read(paths[index], sample_rate)
        except AudioError:
            # Preparing the corpus skipped it as well.
            continue


def sample(waveforms: Iterable[np.ndarray], hop_samples: int) -> list[np.ndarray]:
    """Cut waveforms to multiples of the hop, until `FRAMES` codes are collected."""
    cut_waveforms: list[np.ndarray] = []
    total = 0
    for waveform in waveforms:
        if frames := min(len(waveform) // hop_samples, FRAMES - total):
            cut_waveforms.append(waveform[: frames * hop_samples])
            total += frames
        if total >= FRAMES:
            break
    return cut_waveforms
