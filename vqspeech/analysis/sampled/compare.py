"""Sets of codes compared with held-out speech: n-grams, durations, and the nearest stretch of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.analysis.sampled.divergence import Divergence, divergence
from vqspeech.analysis.sampled.nearest import Stretch, joint_symbols, nearest_stretches
from vqspeech.analysis.sampled.phones import PhoneMap, phone_sequences, shortest_frames
from vqspeech.analysis.sampled.runs import duration_distance_s, durations, inner_runs

HELD_OUT = "held-out speech"
"""Name of what the sets are compared with."""

CODE_ORDERS = {1: "unigram", 2: "bigram"}
PHONE_ORDERS = {1: "unigram", 2: "bigram", 3: "trigram"}

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Yardstick:
    """What sets of codes are compared with.

    Parameters
    ----------
    held_out : windows of held-out speech, codes (codebooks, frames) each
    training : codes of the training utterances
    codebook_sizes, frame_rate_hz : as in `vqspeech.codes.CodeTable`
    phone_map : the phones of codes; None without aligned speech
    seed : seed of the random divisions of `divergence`
    """

    held_out: Sequence[Codes]
    training: Sequence[Codes]
    codebook_sizes: tuple[int, ...]
    frame_rate_hz: float
    phone_map: PhoneMap | None = None
    seed: int = 0


def windows(sequences: Sequence[Codes], frames: int, count: int, *, seed: int = 0) -> list[tuple[int, Codes]]:
    """Cut sequences (codebooks, length) into windows of `frames` and draw some; return them with their sequence.

    A rest at the end of a sequence is omitted. Windows are drawn without replacement, in the order of the sequences;
    all where there are fewer than `count`.
    """
    every = [
        (number, one[:, start : start + frames])
        for number, one in enumerate(sequences)
        for start in range(0, one.shape[1] - frames + 1, frames)
    ]
    if len(every) <= count:
        return every
    chosen = np.sort(np.random.default_rng(seed).choice(len(every), count, replace=False))
    return [every[place] for place in chosen]


def compare(sets: Mapping[str, Sequence[Codes]], yardstick: Yardstick) -> dict[str, dict[str, Any]]:
    """Compare sets of codes with held-out speech; return JSON values for each, and for held-out speech itself.

    The keys of each: ``sequences`` and ``seconds``; ``codes``, for each codebook, and ``phones`` with divergences of
    n-grams from held-out speech (`Divergence`, None for held-out speech); ``code_durations`` and ``phone_durations``
    with the distance to those of held-out speech; ``nearest``, on the codes of the first codebook and of all.

    Parameters
    ----------
    sets : name -> codes (codebooks, frames) of each sequence; ``"held-out speech"`` is taken
    yardstick : what they are compared with
    """
    every = {HELD_OUT: yardstick.held_out, **sets}
    nearest = _nearest(every, yardstick)
    return {
        name: {
            "sequences": len(codes),
            "seconds": sum(one.shape[1] for one in codes) / yardstick.frame_rate_hz,
            **_ngrams(codes, yardstick, same=name == HELD_OUT),
            **_durations(codes, yardstick),
            "nearest": nearest[name],
        }
        for name, codes in every.items()
    }


def relative_excess(own: Mapping[str, Any] | None, baseline: Mapping[str, Any] | None) -> float | None:
    """Return a divergence as a share of a baseline's, both above those of one source; None where there is none.

    Parameters
    ----------
    own, baseline : divergences as `compare` returns them
    """
    if own is None or baseline is None or baseline["excess_bits"] <= 0:
        return None
    return max(0.0, float(own["excess_bits"])) / float(baseline["excess_bits"])


def _ngrams(codes: Sequence[Codes], yardstick: Yardstick, *, same: bool) -> dict[str, Any]:
    def measured(own: Sequence[Codes], real: Sequence[Codes], size: int, orders: Mapping[int, str]) -> dict[str, Any]:
        if same:
            return dict.fromkeys(orders.values())
        return {name: _plain(divergence(own, real, size, order, seed=yardstick.seed)) for order, name in orders.items()}

    held_out, phones = yardstick.held_out, None
    if (phone_map := yardstick.phone_map) is not None:
        shortest = shortest_frames(yardstick.frame_rate_hz)
        own, real = (phone_sequences(phone_map, [one[0] for one in group], shortest) for group in (codes, held_out))
        phones = measured(own, real, len(phone_map.phones), PHONE_ORDERS)
    books = [
        measured([one[book] for one in codes], [one[book] for one in held_out], size, CODE_ORDERS)
        for book, size in enumerate(yardstick.codebook_sizes)
    ]
    return {"codes": books, "phones": phones}


def _plain(value: Divergence | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {**asdict(value), "ngrams": list(value.ngrams), "excess_bits": value.excess_bits}


def _durations(codes: Sequence[Codes], yardstick: Yardstick) -> dict[str, Any]:
    frame_s = 1 / yardstick.frame_rate_hz

    def described(own: Codes, real: Codes) -> dict[str, Any] | None:
        found = durations(own, frame_s)
        if found is None:
            return None
        return {**asdict(found), "distance_s": duration_distance_s(own, real, frame_s)}

    own, real = (inner_runs([one[0] for one in group]) for group in (codes, yardstick.held_out))
    phones = None
    if yardstick.phone_map is not None:
        phones = described(phone_lengths(codes, yardstick), phone_lengths(yardstick.held_out, yardstick))
    return {"code_durations": described(own, real), "phone_durations": phones}


def phone_lengths(codes: Sequence[Codes], yardstick: Yardstick) -> Codes:
    """Return the lengths in frames of the phones of codes, pauses among them, without the first and last of each."""
    assert yardstick.phone_map is not None
    shortest = shortest_frames(yardstick.frame_rate_hz)
    parts = [yardstick.phone_map.segments(one[0], shortest)[1][1:-1] for one in codes]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _nearest(every: Mapping[str, Sequence[Codes]], yardstick: Yardstick) -> dict[str, dict[str, Any]]:
    """Find the nearest stretches of all sets at once."""
    flat = [one for codes in every.values() for one in codes]
    first = nearest_stretches([one[0] for one in flat], [one[0] for one in yardstick.training])
    all_books = first
    if len(yardstick.codebook_sizes) > 1:
        all_books = nearest_stretches(*joint_symbols([flat, yardstick.training]))
    found: dict[str, dict[str, Any]] = {}
    for kind, stretches in (("first_codebook", first), ("all_codebooks", all_books)):
        real = np.array([one.frames for one in stretches[: len(yardstick.held_out)]])
        for name, own in zip(every, _by_set(every, stretches), strict=True):
            found.setdefault(name, {})[kind] = _longest(own, real, yardstick.frame_rate_hz)
    return found


def _by_set(every: Mapping[str, Sequence[Codes]], stretches: Sequence[Stretch]) -> Iterator[Sequence[Stretch]]:
    start = 0
    for codes in every.values():
        yield stretches[start : start + len(codes)]
        start += len(codes)


def _longest(own: Sequence[Stretch], real: Codes, rate_hz: float) -> dict[str, Any] | None:
    """Describe the longest stretches of each sequence of a set, beside those of held-out speech."""
    if not own:
        return None
    frames = np.array([one.frames for one in own])
    return {
        "median_s": float(np.median(frames)) / rate_hz,
        "longest_s": float(frames.max()) / rate_hz,
        "beyond_held_out": float((frames > real.max()).mean()) if len(real) else None,
        "frames": frames.tolist(),
    }
