"""Forced alignment for recordings with a transcript and no alignment: CTC, with torchaudio's wav2vec2 pipelines.

The pipelines that torchaudio ships emit letters, so what comes out are letters in time, and the words they make. That is enough to find words; phones
proper come from the Montreal Forced Aligner's TextGrids, or from a pipeline of one's own whose labels are phones. The weights of a pipeline are
downloaded by torchaudio on first use (380 MB for the default).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vqspeech.alignment.base import SILENCE, Alignment, Interval
from vqspeech.errors import InputError, VQSpeechError, unknown_name

if TYPE_CHECKING:
    from torch import Tensor

PIPELINE = "WAV2VEC2_ASR_BASE_960H"
"""Name of torchaudio's pipeline that is used by default."""

PAUSE_S = 0.15
"""Silence at least this long between two words is a pause, in seconds; shorter stretches belong to the labels beside them."""


@dataclass(frozen=True)
class ForcedAlignment:
    """An alignment of labels and of the words that they make, with how sure the network is of it.

    Parameters
    ----------
    alignment : labels in time, `SILENCE` in pauses
    words : the words of the transcript in time
    score : mean probability of the labels at their frames, geometric, in (0, 1]; low where transcript and recording do not fit
    """

    alignment: Alignment
    words: tuple[Interval, ...]
    score: float


def align_emissions(
    log_probs: Tensor, words: Sequence[Sequence[str]], labels: Sequence[str], frame_s: float, *, separator: str = "|"
) -> ForcedAlignment:
    """The most likely path of a transcript through the emissions of a CTC network (Graves et al. 2006, in the Viterbi form).

    CTC networks emit a label for a frame or two and blanks around it. Blanks between two labels are shared half and half, blanks of a pause
    (`PAUSE_S` or longer between words, and at both ends) are `SILENCE`.

    Parameters
    ----------
    log_probs : (frames, labels) logarithms of probabilities; label 0 is the blank
    words : the transcript, each word as a sequence of labels
    labels : names of the columns
    frame_s : seconds between frames
    separator : the label that stands between words; left out where the network has none

    Raises
    ------
    InputError : an empty transcript, a label that the network does not know, or a transcript too long for the recording
    """
    import torch
    from torchaudio.functional import forced_align, merge_tokens

    column = {label: index for index, label in enumerate(labels)}
    flat = [(label, number) for number, word in enumerate(words) for label in word]
    if not flat:
        raise InputError("nothing to align: the transcript holds no label that the network knows")
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
            f"a transcript of {len(path)} labels does not fit into {len(log_probs)} frames ({len(log_probs) * frame_s:.2f} s)"
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
    """Intervals without gaps from spans (label, word, first frame, end frame), and the start and end of each span's interval."""
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
    """A transcript as words of single-letter labels, in the case that the labels have; signs that no label stands for are left out."""
    known = {label: label for label in labels[1:]} | {label.lower(): label for label in labels[1:] if len(label) == 1}
    words = [
        [known[sign] for sign in word.lower() if sign in known and sign not in "|*-"] for word in re.split(r"\s+", text)
    ]
    return [word for word in words if word]


def align_file(path: Path, *, text: str, pipeline: str = PIPELINE) -> Alignment:
    """Align a recording with what is said in it: the registered aligner ``wav2vec2``.

    Parameters
    ----------
    path : an audio file
    text : its transcript
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
        return align_emissions(emissions, spell(text, labels), labels, frame_s).alignment
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


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
            f"the weights of torchaudio's {name} cannot be fetched ({error}). They are downloaded once, so this needs a network; or bring "
            "alignments: TextGrids of the Montreal Forced Aligner, with --alignments DIR"
        ) from error
