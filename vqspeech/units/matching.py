"""Match units with the utterances of a corpus, and find the rate at which they stand."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from vqspeech.audio import AUDIO_SUFFIXES
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.corpora.alignment_names import Assignment, assign
from vqspeech.corpora.base import Corpus, Utterance
from vqspeech.errors import InputError
from vqspeech.units.sequences import UnitFile

NEAR_HZ = 16_000
"""Audio is read at the least rate from here on of which a code covers whole samples."""

LOWEST_HZ, HIGHEST_HZ = 1, 1000
"""Rates of units that can be scored."""

SLACK = 1.5
"""Frames by which an utterance may be longer or shorter than its duration says, for a rate that is found by it.

Networks without padding, such as HuBERT, lack up to 1.25 frames; padded ones have up to one more.
"""

LENGTH_SLACK = 2.0
"""The same, for a rate that is known."""

KNOWN_RATES = tuple(
    map(
        Fraction,
        ("12.5", "50/3", "20", "25", "100/3", "40", "11025/256", "50", "62.5", "75", "80", "250/3", "11025/128", "100"),
    )
) + tuple(map(Fraction, (125, 150, 200, 250)))
"""Rates, one of which is taken when durations allow no other of them: of HuBERT, Mimi, EnCodec, DAC and so on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Matched:
    """Units of utterances of a corpus.

    Parameters
    ----------
    table : their codes
    notes : sentences on the rate, and on what is not used
    """

    table: CodeTable
    notes: tuple[str, ...]


def parse_rate(text: str) -> Fraction:
    """Read frames per second: ``"50"``, ``"12.5"``, or a fraction of samples, ``"44100/512"``.

    Raises
    ------
    InputError : for another text, or a rate that cannot be scored
    """
    try:
        # Without exponents, which would be written out in full.
        rate = Fraction(text.strip()) if len(text) <= 20 and "e" not in text.lower() else Fraction(0)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not LOWEST_HZ <= rate <= HIGHEST_HZ:
        raise InputError(
            f"{text[:40]!r} is no rate of units; give frames per second from {LOWEST_HZ} to {HIGHEST_HZ}, such as 50, "
            "12.5 or 44100/512"
        )
    return rate


def grid_of(rate_hz: Fraction) -> tuple[int, int]:
    """Return the sample rate, near `NEAR_HZ`, and the whole samples that one unit covers at it.

    Examples
    --------
    >>> grid_of(Fraction(50)), grid_of(Fraction(75))
    ((16000, 320), (16050, 214))
    """
    steps = math.ceil(NEAR_HZ / rate_hz.numerator)
    return rate_hz.numerator * steps, rate_hz.denominator * steps


def match(file: UnitFile, corpus: Corpus, rate_hz: Fraction | None = None) -> Matched:
    """Find the utterances of a corpus that units belong to, and check lengths.

    A name belongs to the utterance whose path or id it shares the most with, see
    `vqspeech.corpora.alignment_names.assign`; endings of audio files do not matter. Unit t covers
    ``[t / rate, (t + 1) / rate)`` seconds.

    Parameters
    ----------
    rate_hz : units per second and codebook; None for the file's own, or the one that all durations agree on

    Raises
    ------
    InputError : for units of no utterance of the corpus; a rate that contradicts the file, or is neither stated nor to
        be found; units of which most do not have the length of their utterance
    """
    owners, notes = _owners(file, corpus)
    utterances = {utterance.id: utterance for utterance in corpus.utterances}
    pairs = [(utterances[key], file.units[name]) for name, key in sorted(owners.items(), key=lambda pair: pair[1])]
    rate = _rate(file, pairs, rate_hz, notes)
    fitting = _of_right_length(file, pairs, rate, notes)
    if lacking := len(corpus.utterances) - len(owners):
        notes.append(f"{lacking} of {len(corpus.utterances)} utterances of the corpus have no units")
    sample_rate, hop = grid_of(rate)
    rows = tuple(
        UtteranceCodes(
            id=utterance.id,
            speaker=utterance.speaker,
            split=utterance.split,
            path=str(utterance.path),
            n_samples=round(utterance.duration_s * sample_rate),
            codes=units,
        )
        for utterance, units in fitting
    )
    table = CodeTable(sample_rate=sample_rate, hop_samples=hop, codebook_sizes=file.codebook_sizes, rows=rows)
    return Matched(table=table, notes=tuple(notes))


_Pairs = Sequence[tuple[Utterance, np.ndarray]]


def _owners(file: UnitFile, corpus: Corpus) -> tuple[Mapping[str, str], list[str]]:
    """Return name -> id of its utterance, by names or by recordings, and notes on names without one."""
    found, named = _assigned(file, {name: name for name in file.units}, corpus)
    if file.recordings and len(found.owners) < len(file.units):
        by_path = _assigned(file, {file.recordings.get(name, name): name for name in file.units}, corpus)
        found, named = by_path if len(by_path[0].owners) > len(found.owners) else (found, named)
    if not found.owners:
        first = corpus.utterances[0].id if corpus.utterances else "none"
        raise InputError(
            f"{file.path} has units of no utterance of the corpus; its first is {next(iter(file.units))!r}, that "
            f"of the corpus {first!r}. Name units by ids or by audio files"
        )
    notes = []
    if found.others:
        first = named[found.others[0]]
        notes.append(f"{len(found.others)} of {len(named)} units belong to no utterance, the first: {first!r}")
    if found.doubtful:
        first = named[found.doubtful[0]]
        notes.append(
            f"{len(found.doubtful)} units are in a folder that their recording is not in, the first: {first!r}"
        )
    if found.twice:
        first = next(iter(found.twice))
        notes.append(f"{len(found.twice)} utterances have several units each, not used, the first: {first!r}")
    return {named[name]: key for name, key in found.owners.items()}, notes


def _assigned(file: UnitFile, places: Mapping[str, str], corpus: Corpus) -> tuple[Assignment, Mapping[str, str]]:
    """Assign units to utterances by places, paths or ids; return it with assigned name -> name in the file."""
    stems: dict[str, str] = {}
    for place, name in places.items():
        stem = place[: -len(Path(place).suffix)] if place.lower().endswith(AUDIO_SUFFIXES) else place
        if not Path(stem).name:
            raise InputError(f"{file.path}: units have the name {place!r}; give names of utterances or of audio files")
        if stem in stems:
            raise InputError(f"{file.path}: {name!r} and {stems[stem]!r} are the same utterance; keep one of them")
        stems[stem] = name
    folders = {str(Path(stem).parent) for stem in stems}
    absolute = all(Path(folder).is_absolute() for folder in folders)
    base = Path(os.path.commonpath(folders)) if absolute else Path()
    relative = {str(Path(stem).relative_to(base)): name for stem, name in stems.items()}
    return assign(list(relative), base, corpus.utterances), relative


def _rate(file: UnitFile, pairs: _Pairs, given: Fraction | None, notes: list[str]) -> Fraction:
    if given is not None and file.rate_hz not in (None, given):
        raise InputError(f"{file.path} states {float(file.rate_hz or 0):g} Hz, not {float(given):g}; omit --unit-rate")
    stated = given or file.rate_hz
    if stated is not None:
        return stated
    low = max((units.shape[1] - SLACK) / utterance.duration_s for utterance, units in pairs)
    high = min((units.shape[1] + SLACK) / utterance.duration_s for utterance, units in pairs)
    remedy = "state their rate, such as --unit-rate 50"
    if low > high:
        utterance, units = pairs[0]
        raise InputError(
            f"{file.path} does not state its rate, and the lengths of its units agree on none ({units.shape[1]} units "
            f"of {utterance.id!r}, which takes {utterance.duration_s:.2f} s); {remedy}. Units without their repetitions"
            " cannot be scored"
        )
    fitting = [rate for rate in KNOWN_RATES if low <= rate <= high]
    if len(fitting) != 1:
        raise InputError(f"{file.path} does not state its rate, from {low:.2f} to {high:.2f} Hz by durations; {remedy}")
    notes.append(f"units at {float(fitting[0]):g} Hz, by their number and the duration of each utterance")
    return fitting[0]


def _of_right_length(file: UnitFile, pairs: _Pairs, rate: Fraction, notes: list[str]) -> _Pairs:
    """Return the utterances that have as many units as their duration takes; note the others."""
    apart = [
        (utterance, units.shape[1], utterance.duration_s * float(rate))
        for utterance, units in pairs
        if abs(units.shape[1] - utterance.duration_s * float(rate)) > LENGTH_SLACK
    ]
    if not apart:
        return pairs
    utterance, number, expected = apart[0]
    example = f"{utterance.id!r} has {number} units, and its {utterance.duration_s:.2f} s take {expected:.0f}"
    if 2 * len(apart) > len(pairs):
        raise InputError(
            f"{file.path}: {len(apart)} of {len(pairs)} utterances have another number of units than {float(rate):g} "
            f"Hz gives, the first: {example}. Check the rate and the recordings; units without their repetitions"
            " cannot be scored"
        )
    notes.append(
        f"{len(apart)} utterances with another number of units than their duration takes are not used: {example}"
    )
    strange = {utterance.id for utterance, _, _ in apart}
    return [(utterance, units) for utterance, units in pairs if utterance.id not in strange]
