"""Praat TextGrid files, long and short form: interval tiers only.

Praat's text reader skips everything but free-standing numbers, quoted strings and flags, and so does this one: the long and the short form are the
same sequence of values, the long one with names written between them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.intervals import read_text, silence_folded, to_alignment
from vqspeech.errors import InputError

PHONE_TIERS = ("phones", "phone", "phonemes", "phoneme", "segments", "mau")
"""Names under which the common aligners put their phones, lower case; ``speaker - phones`` counts too."""

_TOKEN = re.compile(
    r'"(?P<string>(?:[^"]|"")*)"'
    r"|(?P<comment>![^\n]*)"
    r"|(?<!\S)(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?!\S)"
    r"|(?P<flag><\w+>)"
)


@dataclass(frozen=True)
class Tier:
    """One interval tier: its name and (start_s, end_s, text) rows."""

    name: str
    rows: tuple[tuple[float, float, str], ...]


def read_textgrid(path: Path, *, tier: str | None = None) -> Alignment:
    """Read the phone tier of a TextGrid (UTF-8 or UTF-16, long or short form).

    Parameters
    ----------
    path : the file
    tier : name of the tier; by default the first one named as in `PHONE_TIERS`, or the only interval tier there is

    Raises
    ------
    InputError : not a TextGrid, cut off, or without such a tier; the message lists the tiers there are
    """
    tiers = read_tiers(path)
    chosen = _choose(path, tiers, tier)
    return to_alignment(((start, end, silence_folded(text)) for start, end, text in chosen.rows), path)


def read_tiers(path: Path) -> tuple[Tier, ...]:
    """All interval tiers of a TextGrid, in file order; point tiers are left out.

    Raises
    ------
    InputError : unreadable, not a TextGrid, or cut off
    """
    values = _Values(path, read_text(path))
    if "TextGrid" not in (values.string(), values.string()):
        raise InputError(f"{path}: not a Praat TextGrid text file")
    values.number(), values.number()
    tiers: list[Tier] = []
    for _ in range(int(values.number())):
        kind, name = values.string(), values.string()
        values.number(), values.number()
        size = int(values.number())
        if kind == "IntervalTier":
            tiers.append(Tier(name, tuple((values.number(), values.number(), values.string()) for _ in range(size))))
        elif kind == "TextTier":
            for _ in range(size):
                values.number(), values.string()
        else:
            raise InputError(f"{path}: unknown kind of tier {kind!r}; known: IntervalTier, TextTier")
    return tuple(tiers)


def _choose(path: Path, tiers: tuple[Tier, ...], wanted: str | None) -> Tier:
    names = ", ".join(repr(tier.name) for tier in tiers) or "none"
    if wanted is not None:
        for tier in tiers:
            if tier.name == wanted:
                return tier
        raise InputError(f"{path}: no interval tier named {wanted!r}; there are: {names}")
    for known in PHONE_TIERS:
        for tier in tiers:
            if re.split(r"\s+-\s+", tier.name.strip().lower())[-1] == known:
                return tier
    if len(tiers) == 1:
        return tiers[0]
    raise InputError(
        f"{path}: cannot tell which tier holds phones (looked for {', '.join(PHONE_TIERS)}); there are: {names}"
    )


class _Values:
    """The values of a Praat text file, one after the other."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._tokens = (match for match in _TOKEN.finditer(text) if match["comment"] is None and match["flag"] is None)

    def number(self) -> float:
        return float(self._next("number"))

    def string(self) -> str:
        return self._next("string").replace('""', '"')

    def _next(self, kind: str) -> str:
        match = next(self._tokens, None)
        if match is None:
            raise InputError(f"{self._path}: not a whole TextGrid: it ends where a {kind} is due")
        value = match[kind]
        if value is None:
            raise InputError(f"{self._path}: not a TextGrid: {match[0]!r} stands where a {kind} is due")
        return str(value)
