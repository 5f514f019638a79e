"""Edits of codes by hand: replace, repeat or delete a span, with the F0 and the level of its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.audio.pitch import PITCH_RATE
from vqspeech.codec.source import Source
from vqspeech.conversion import Encoded
from vqspeech.errors import InputError
from vqspeech.untrusted import whole

MOST_EDITS = 500
MOST_TIMES = 20
"""Most copies that a repetition makes."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A change of the frames from `start` to `stop`, without it.

    Parameters
    ----------
    kind : ``"replace"`` one codebook's codes by `code`, ``"repeat"`` the span `times` more times, or ``"delete"`` it
    start, stop : frames, after the edits before
    book, code : the codebook and its new code
    times : copies that are added
    """

    kind: str
    start: int
    stop: int
    book: int = 0
    code: int = 0
    times: int = 1


def parse_edits(values: Any) -> list[Edit]:
    """Return edits given as JSON values.

    Raises
    ------
    InputError : for other values
    """
    if not isinstance(values, list) or len(values) > MOST_EDITS:
        raise InputError(f"edits are a list of at most {MOST_EDITS}")
    try:
        return [_parsed(one) for one in values]
    except ValueError as error:
        raise InputError(f"an edit cannot be used: {error}") from error


def _parsed(one: Any) -> Edit:
    kinds = ("replace", "repeat", "delete")
    if not isinstance(one, Mapping) or one.get("kind") not in kinds:
        raise ValueError(f"its kind is none of {', '.join(kinds)}")
    start = whole(one.get("start"), "start")
    return Edit(
        kind=one["kind"],
        start=start,
        stop=whole(one.get("stop"), "stop", start + 1),
        book=whole(one.get("book", 0), "book"),
        code=whole(one.get("code", 0), "code"),
        times=whole(one.get("times", 1), "times", 1, MOST_TIMES),
    )


def edited(
    encoded: Encoded, edits: Sequence[Edit], *, codebook_sizes: Sequence[int], sample_rate: int, hop_samples: int,
    most_s: float,
) -> Encoded:  # fmt: skip
    """Apply edits one after the other.

    Repeated and deleted spans take their F0 and level with them; replaced ones keep those of their time.

    Parameters
    ----------
    encoded : codes and facts of a recording
    edits : the changes
    codebook_sizes, sample_rate, hop_samples : those of the model
    most_s : longest result in seconds

    Returns
    -------
    codes over whole frames; `encoded` itself without edits

    Raises
    ------
    InputError : for spans or codes out of range, or a result that is empty or too long
    """
    if not edits:
        return encoded
    codes, places = encoded.codes, np.arange(encoded.codes.shape[1])
    for edit in edits:
        frames = len(places)
        if edit.stop > frames:
            raise InputError(f"an edit of the codes {edit.start} to {edit.stop}: there are {frames}")
        if edit.kind == "replace":
            _require_code(edit, codebook_sizes)
            codes = codes.copy()
            codes[edit.book, edit.start : edit.stop] = edit.code
            continue
        span = np.arange(edit.start, edit.stop)
        middle = np.tile(span, edit.times + 1) if edit.kind == "repeat" else span[:0]
        order = np.concatenate([np.arange(edit.start), middle, np.arange(edit.stop, frames)])
        codes, places = codes[:, order], places[order]
        if not 0 < len(places) * hop_samples <= most_s * sample_rate:
            seconds = len(places) * hop_samples / sample_rate
            raise InputError(f"the edits leave {seconds:.2f} s of codes; more than 0 and at most {most_s:g} s")
    source = _moved(encoded.source, places, hop_samples / sample_rate)
    return Encoded(codes=codes, n_samples=len(places) * hop_samples, source=source)


def _require_code(edit: Edit, sizes: Sequence[int]) -> None:
    if edit.book >= len(sizes):
        raise InputError(f"codebook {edit.book}: the model has {len(sizes)}, numbered from 0")
    if edit.code >= sizes[edit.book]:
        raise InputError(f"code {edit.code}: codebook {edit.book} has the codes 0 to {sizes[edit.book] - 1}")


def _moved(source: Source, places: npt.NDArray[np.int64], hop_s: float) -> Source:
    """Return the facts about a source for frames of codes that come from other places of it."""
    count = -int(-(len(places) * hop_s * PITCH_RATE - 1e-6) // 1)
    times = (np.arange(count) + 0.5) / PITCH_RATE
    frames = np.minimum((times / hop_s).astype(np.int64), len(places) - 1)
    origins = places[frames] * hop_s + (times - frames * hop_s)
    rows = np.clip((origins * PITCH_RATE).astype(np.int64), 0, len(source.power) - 1)
    return Source(power=source.power[rows], f0=None if source.f0 is None else source.f0[rows])
