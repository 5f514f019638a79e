"""Forced alignment of recordings with their transcripts, by torchaudio's wav2vec2 and CTC.

The pipelines that torchaudio ships emit letters, so the alignments hold letters and the words that they form. That is
enough to find words; for phones, use the Montreal Forced Aligner's TextGrids or a pipeline whose labels are phones.
torchaudio downloads a pipeline's weights on first use (380 MB for the default).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vqspeech.alignment.base import SILENCE, Alignment, Interval
from vqspeech.errors import InputError, VQSpeechError, unknown_name

if TYPE_CHECKING:
    from torch import Tensor

PIPELINE = "WAV2VEC2_ASR_BASE_960H"
"""Name of the default torchaudio pipeline."""

PAUSE_S = 0.15
"""Silence of at least this many seconds between two words is a pause; shorter silence goes to its neighbours."""


@dataclass(frozen=True)
class ForcedAlignment:
    """An alignment of labels and of words, with the network's confidence.

    Parameters
    ----------
    alignment : labels in time; pauses are `SILENCE`
    words : words of the transcript in time
    score : geometric mean of the labels' probabilities at their frames, in (0, 1]; low for a wrong transcript
    """

    alignment: Alignment
    words: tuple[Interval, ...]
    score: float


def align_emissions(
    log_probs: Tensor, words: Sequence[Sequence[str]], labels: Sequence[str], frame_s: float, *, separator: str = "|"
) -> ForcedAlignment:
    """Find the most likely path of a transcript through the outputs of a CTC network.

    Viterbi form of Graves et al. (2006). CTC networks emit a label for a frame or two and blanks around it. Blanks
    between two labels are divided equally; blanks of a pause (at least `PAUSE_S` between words, and at both ends)
    become `SILENCE`.

    Parameters
    ----------
    log_probs : (frames, labels), log-probabilities; label 0 is the blank
    words : the transcript, each word as a sequence of labels
    labels : names of the columns
    frame_s : seconds between frames
    separator : the label between words; omitted where the network has none

    Raises
    ------
    InputError : an empty transcript, an unknown label, or a transcript too long for the recording
    """
    import torch
    from torchaudio.functional import forced_align, merge_tokens

    column = {label: index for index, label in enumerate(labels)}
    flat = [(label, number) for number, word in enumerate(words) for label in word]
    if not flat:
        raise InputError("nothing to align: no label of the network occurs in the transcript")
    if strange := sorted({label for label, _ in flat if column.get(label, 0) == 0}):
        raise InputError(f"the network has no label {', '.join(map(repr, strange))}; it knows {' '.join(labels[1:])}")
    path: list[tuple[str, int]] = []
    for label, number in flat:
        if path and number != path[-1][1] and separator in column:
            path.append((separator, -1))
        path.append((label, number))
    targets = torch.tensor([[column[label] for label, _ in path]], dtype=torch.int32)
    repeats = int((targets[0, 1:] == targets[0, :-1]).sum())
    if len(path) + repeats > len(log_probs):
        raise InputError(
            f"a transcript of {len(path)} labels does not fit into {len(log_probs)} frames "
            f"({len(log_probs) * frame_s:.2f} s)"
        )
    tokens, scores = forced_align(log_probs.float().cpu()[None], targets)
    spans = merge_tokens(tokens[0], scores[0])
    kept = [(*entry, span.start, span.end) for entry, span in zip(path, spans, strict=True) if entry[1] >= 0]
    intervals, edges = _fill(kept, len(log_probs), frame_s)
    named = [
        Interval(min(edges[k][0] for k in own), max(edges[k][1] for k in own), "".join(words[number]))
        for number in range(len(words))
        if (own := [k for k, entry in enumerate(kept) if entry[1] == number])
    ]
    score = float(np.exp(np.mean([float(scores[0, start:end].mean()) for *_, start, end in kept])))
    return ForcedAlignment(Alignment(tuple(intervals)), tuple(named), score)


def _fill(
    spans: Sequence[tuple[str, int, int, int]], n_frames: int, frame_s: float
) -> tuple[list[Interval], list[tuple[float, float]]]:
    """Convert spans (label, word, first frame, end frame) to gapless intervals and span times."""
    pause = PAUSE_S / frame_s
    left = [float(start) for *_, start, _ in spans]
    right = [float(end) for *_, end in spans]
    for k in range(len(spans) - 1):
        gap = left[k + 1] - right[k]
        if spans[k][1] == spans[k + 1][1] or gap < pause:
            left[k + 1] = right[k] = right[k] + gap / 2
    left[0] = left[0] if left[0] >= pause else 0.0
    right[-1] = right[-1] if n_frames - right[-1] >= pause else float(n_frames)
    intervals: list[Interval] = []
    at = 0.0
    for (label, *_), start, end in zip(spans, left, right, strict=True):
        if start > at:
            intervals.append(Interval(at * frame_s, start * frame_s, SILENCE))
        intervals.append(Interval(start * frame_s, end * frame_s, label))
        at = end
    if at < n_frames:
        intervals.append(Interval(at * frame_s, n_frames * frame_s, SILENCE))
    return intervals, [(a * frame_s, b * frame_s) for a, b in zip(left, right, strict=True)]


def spell(text: str, labels: Sequence[str]) -> list[list[str]]:
    """Split a transcript into words of the network's letters; other characters are omitted."""
    known = {label: label for label in labels[1:]} | {label.lower(): label for label in labels[1:] if len(label) == 1}
    words = [
        [known[sign] for sign in word.lower() if sign in known and sign not in "|*-"] for word in re.split(r"\s+", text)
    ]
    return [word for word in words if word]


def align_file(path: Path, *, text: str, pipeline: str = PIPELINE) -> Alignment:
    """Align a recording with its transcript: the registered aligner ``wav2vec2``.

    Parameters
    ----------
    path : an audio file
    text : the transcript
    pipeline : name of a CTC pipeline in ``torchaudio.pipelines``; its weights are downloaded on first use

    Raises
    ------
    InputError : a transcript that cannot be aligned
    UnknownNameError : a pipeline that torchaudio does not have
    VQSpeechError : the weights cannot be fetched
    """
    import torch

    from vqspeech import audio

    model, labels, sample_rate = _network(pipeline)
    waveform = torch.from_numpy(audio.read(path, sample_rate))[None]
    with torch.inference_mode():
        emissions = model(waveform)[0][0].log_softmax(-1)
    frame_s = waveform.shape[1] / sample_rate / len(emissions)
    try:
        found = align_emissions(emissions, spell(text, labels), labels, frame_s)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return replace(found.alignment, words=found.words)


@lru_cache(maxsize=1)
def _network(name: str) -> tuple[Any, tuple[str, ...], int]:
    import torchaudio

    bundle: Any = getattr(torchaudio.pipelines, name, None)
    if not hasattr(bundle, "get_labels") or not hasattr(bundle, "get_model"):
        known = [item for item in dir(torchaudio.pipelines) if "ASR" in item or item == "MMS_FA"]
        raise unknown_name("CTC pipeline", name, known)
    try:
        return bundle.get_model().eval(), tuple(bundle.get_labels()), int(bundle.sample_rate)
    except (OSError, RuntimeError) as error:
        raise VQSpeechError(
            f"the weights of torchaudio's {name} cannot be fetched ({error}). They are downloaded once, which needs a "
            "network; or provide TextGrids of the Montreal Forced Aligner with --alignments DIR"
        ) from error
