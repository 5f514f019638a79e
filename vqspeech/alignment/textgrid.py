"""Read and write Praat TextGrid files, long and short, in UTF-8 and UTF-16.

Like Praat's reader, this one skips everything but free-standing numbers, quoted strings and flags: both forms are the
same sequence of values, and the long one writes names between them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.intervals import LONGEST_S, number_of, read_text, silence_folded, to_alignment
from vqspeech.errors import InputError

PHONE_TIERS = ("phones", "phone", "phonemes", "phoneme", "segments", "mau")
"""Names that common aligners give to phone tiers, lower case; ``speaker - phones`` counts too."""

# Possessive, so that every text is read in linear time.
_TOKEN = re.compile(
    r'"(?P<string>[^"]*+(?:""[^"]*+)*+)"'
    r'|(?P<open>")'
    r"|(?P<comment>![^\r\n]*+)"
    r'|(?P<word>[^\s"!]++)'
)
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]++,[0-9]++")
_MOST_ITEMS = 10_000_000


@dataclass(frozen=True)
class Tier:
    """One tier: its name and rows (start_s, end_s, text); both times of a point are equal."""

    name: str
    rows: tuple[tuple[float, float, str], ...]
    points: bool = False


def read_textgrid(path: Path, *, tier: str | None = None) -> Alignment:
    """Read the phone tier of a TextGrid (UTF-8 or UTF-16, long or short form).

    Parameters
    ----------
    path : the file
    tier : name of the tier; by default the first one named as in `PHONE_TIERS`, or the only interval tier

    Raises
    ------
    InputError : not a TextGrid, truncated, without such a tier (the message lists the tiers), or several speakers
    """
    tiers = tuple(tier for tier in read_tiers(path) if not tier.points)
    chosen = _choose(path, tiers, tier)
    return to_alignment(((start, end, silence_folded(text)) for start, end, text in chosen.rows), path)


def read_tiers(path: Path) -> tuple[Tier, ...]:
    """Read all tiers of a TextGrid, in file order.

    Raises
    ------
    InputError : unreadable, not a TextGrid, truncated, or with times and sizes out of range
    """
    text = read_text(path)
    if text.startswith("ooBinaryFile"):
        raise InputError(f"{path}: a binary TextGrid; in Praat choose Save > Save as text file")
    if "chronological TextGrid" in text[:200]:
        raise InputError(f"{path}: a chronological TextGrid; in Praat choose Save > Save as text file")
    values = _Values(path, text)
    if "TextGrid" not in (values.string(), values.string()):
        raise InputError(f"{path}: not a Praat TextGrid text file")
    values.number(), values.number()
    tiers: list[Tier] = []
    for _ in range(values.size()):
        kind, name = values.string(), values.string()
        values.number(), values.number()
        size = values.size()
        if kind == "IntervalTier":
            tiers.append(Tier(name, tuple((values.number(), values.number(), values.string()) for _ in range(size))))
        elif kind == "TextTier":
            points = [(values.number(), values.string()) for _ in range(size)]
            tiers.append(Tier(name, tuple((at, at, mark) for at, mark in points), points=True))
        else:
            raise InputError(f"{path}: unknown kind of tier {kind!r}; known: IntervalTier, TextTier")
    return tuple(tiers)


def write_textgrid(
    path: Path,
    tiers: Sequence[Tier],
    duration_s: float,
    *,
    form: Literal["long", "short"] = "long",
    encoding: Literal["utf-8", "utf-16"] = "utf-8",
) -> None:
    """Write tiers as Praat does; gaps between intervals become intervals without text.

    Parameters
    ----------
    path : the file; its folder is created when missing
    tiers : in file order
    duration_s : end of the time axis in seconds; a longer tier extends it
    form : ``"long"`` writes the names of values, ``"short"`` the values only

    Raises
    ------
    InputError : rows that overlap or end before they start
    """
    end_s = max([duration_s, *(row[1] for tier in tiers for row in tier.rows)])
    whole = [tier if tier.points else Tier(tier.name, _without_gaps(path, tier, end_s)) for tier in tiers]
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', ""]
    named = form == "long"

    def put(indent: int, name: str, value: float | str) -> None:
        shown = '"' + value.replace('"', '""') + '"' if isinstance(value, str) else f"{value!r}"
        lines.append(f"{' ' * indent}{name} = {shown}" if named else shown)

    put(0, "xmin", 0)
    put(0, "xmax", end_s)
    lines.append("tiers? <exists>" if named else "<exists>")
    put(0, "size", len(whole))
    lines += ["item []:"] if named else []
    for number, tier in enumerate(whole, start=1):
        lines += [f"    item [{number}]:"] if named else []
        put(8, "class", "TextTier" if tier.points else "IntervalTier")
        put(8, "name", tier.name)
        put(8, "xmin", 0)
        put(8, "xmax", end_s)
        kind = "points" if tier.points else "intervals"
        put(8, f"{kind}: size", len(tier.rows))
        for position, (start, end, text) in enumerate(tier.rows, start=1):
            lines += [f"        {kind} [{position}]:"] if named else []
            if tier.points:
                put(12, "number", start)
                put(12, "mark", text)
            else:
                put(12, "xmin", start)
                put(12, "xmax", end)
                put(12, "text", text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding=encoding)


def _without_gaps(path: Path, tier: Tier, end_s: float) -> tuple[tuple[float, float, str], ...]:
    rows: list[tuple[float, float, str]] = []
    at = 0.0
    for start, end, text in [*sorted(tier.rows), (end_s, end_s, "")]:
        if start < at or end < start:
            raise InputError(
                f"{path}: tier {tier.name!r}: {text!r} from {start} s to {end} s overlaps or runs backwards"
            )
        if start > at:
            rows.append((at, start, ""))
        if end > start:
            rows.append((start, end, text))
        at = end
    return tuple(rows)


def _choose(path: Path, tiers: tuple[Tier, ...], tier_name: str | None) -> Tier:
    names = ", ".join(repr(tier.name) for tier in tiers) or "none"
    if tier_name is not None:
        for tier in tiers:
            if tier.name == tier_name:
                return tier
        raise InputError(f"{path}: no interval tier named {tier_name!r}; there are: {names}")
    for known in PHONE_TIERS:
        matches = [tier for tier in tiers if re.split(r"\s+-\s+", tier.name.strip().lower())[-1] == known]
        if len(matches) > 1:
            raise InputError(
                f"{path}: {len(matches)} tiers hold phones, apparently of several speakers: {names}; split the "
                "recording into one file per speaker, or keep one tier"
            )
        if matches:
            return matches[0]
    if len(tiers) == 1:
        return tiers[0]
    raise InputError(
        f"{path}: no tier is recognised as phones (looked for {', '.join(PHONE_TIERS)}); there are: {names}"
    )


class _Values:
    """The values of a Praat text file, one after the other."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text
        self._matches = _TOKEN.finditer(text)
        self._skipped = ""

    def number(self) -> float:
        """Return the next value, a number of seconds."""
        match = self._next("number")
        value = number_of(match[0])
        if not -LONGEST_S <= value <= LONGEST_S:
            raise InputError(f"{self._at(match)}: {match[0][:40]} is out of range for a time in seconds")
        return value

    def size(self) -> int:
        """Return the next value, a number of items."""
        match = self._next("number")
        value = number_of(match[0])
        if not (0 <= value <= _MOST_ITEMS and value == int(value)):
            raise InputError(f"{self._at(match)}: {match[0][:40]} is no number of tiers, intervals or points")
        return int(value)

    def string(self) -> str:
        """Return the next value, a text."""
        return self._next("string")["string"].replace('""', '"')

    def _next(self, kind: str) -> re.Match[str]:
        for match in self._matches:
            if match["open"] is not None:
                raise InputError(f"{self._at(match)}: truncated TextGrid: a quote is opened and never closed")
            found = self._kind(match)
            if found == kind:
                return match
            if found is not None:
                comma = f"; write decimal points, not commas: {self._skipped}" if self._skipped else ""
                raise InputError(
                    f"{self._at(match)}: not a TextGrid: found {match[0][:60]!r} where a {kind} is expected{comma}"
                )
        raise InputError(f"{self._path}: truncated TextGrid: it ends where a {kind} is expected")

    def _kind(self, match: re.Match[str]) -> str | None:
        """Return ``"string"``, ``"number"`` when it stands free, or None for what Praat's reader skips."""
        if match["string"] is not None:
            return "string"
        around = self._text[max(0, match.start() - 1) : match.start()] + self._text[match.end() : match.end() + 1]
        if match["word"] is None or around.strip():
            return None
        try:
            number_of(match[0])
        except ValueError:
            self._skipped = match[0] if _DECIMAL_COMMA.fullmatch(match[0]) else self._skipped
            return None
        return "number"

    def _at(self, match: re.Match[str]) -> str:
        before = self._text[: match.start()]
        return f"{self._path}, line {1 + max(before.count(end) for end in (chr(10), chr(13)))}"
