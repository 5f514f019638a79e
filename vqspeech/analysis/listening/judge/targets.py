"""Recordings of the target voices, which similarity to the target needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vqspeech import audio
from vqspeech.analysis.listening.judge.embedding import Embedder, mean_embedding
from vqspeech.analysis.listening.judge.judge import SAMPLE_RATE
from vqspeech.analysis.listening.judge.sources import LEAST_SECONDS, Source, in_turn
from vqspeech.analysis.listening.judge.voices import FILE, RECORDINGS, read_voices
from vqspeech.names import file_name

FOLDER = "targets"
NO_TARGET = (
    f"no recordings of the voice are known: the data of the run is not here, and its model has no {FILE}; "
    "--voices DIR gives recordings"
)


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Target voices.

    Parameters
    ----------
    embeddings : voice -> embedding (dim,) of length 1
    recordings : voice -> files that it is the mean of; absent for voices of ``voices.json``
    """

    embeddings: Mapping[str, np.ndarray] = field(default_factory=dict)
    recordings: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)


def find_targets(
    voices: Sequence[str],
    given: Sequence[Sequence[Source]],
    model: Path,
    out: Path,
    embedder: Embedder | None,
    avoid: Sequence[Source] = (),
) -> Targets:
    """Embed the target voices.

    The mean over up to ten recordings, which are copied to ``out/targets``; else what the model's ``voices.json`` says.

    Parameters
    ----------
    voices : names of the voices
    given : collections of recordings, the first that has the voice is used
    model : directory of the model
    out : folder of the evaluation
    embedder : the speaker embedding; None leaves the voices without
    avoid : utterances that are evaluated, which are no recordings of a target
    """
    if embedder is None:
        return Targets()
    kept = read_voices(model)
    not_these = {one.id for one in avoid}
    embeddings: dict[str, np.ndarray] = {}
    recordings: dict[str, tuple[Path, ...]] = {}
    for voice in voices:
        files = []
        embedded = []
        for source in recordings_of(voice, given, not_these):
            path = out / FOLDER / file_name(voice) / file_name(source.id, ".wav")
            audio.write(path, source.waveform(SAMPLE_RATE), SAMPLE_RATE)
            one = embedder.embed(np.clip(audio.read(path, SAMPLE_RATE), -1, 1))
            if one is None:
                path.unlink()
                continue
            files.append(path)
            embedded.append(one)
        if embedded:
            embeddings[voice], recordings[voice] = mean_embedding(embedded), tuple(files)
        elif voice in kept:
            embeddings[voice] = kept[voice]
    return Targets(embeddings=embeddings, recordings=recordings)


def recordings_of(voice: str, given: Sequence[Sequence[Source]], not_these: Collection[str] = ()) -> list[Source]:
    """Return up to ten recordings of a voice, of the first collection that has it, without some where possible."""
    for sources in given:
        own = [one for one in sources if one.speaker == voice and one.duration_s >= LEAST_SECONDS]
        fresh = [one for one in own if one.id not in not_these] or own
        if fresh:
            # Not the fragment that happens to be first by hash: the longer half tells more of a voice.
            fresh = sorted(fresh, key=lambda one: -one.duration_s)[: max(RECORDINGS, len(fresh) // 2)]
            return in_turn(fresh, 0)[:RECORDINGS]
    return []
