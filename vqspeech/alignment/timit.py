"""TIMIT's hand-made phone alignments (.phn), and the usual folding of its 61 phones to 39.

The folding is the one of Lee & Hon, "Speaker-independent phone recognition using hidden Markov models", IEEE ASSP 37(11), 1989, table I, as it is
used everywhere since. All closures, pauses and ``h#`` become `SILENCE`. The glottal stop ``q`` belongs to no class there and is removed: it leaves a gap
in the alignment, so frames inside it are not scored.
"""

from __future__ import annotations

from pathlib import Path

from vqspeech.alignment.base import SILENCE, Alignment
from vqspeech.alignment.intervals import read_text, to_alignment
from vqspeech.errors import InputError

_PHONE_CODES = (
    "aa ae ah ao aw ax ax-h axr ay b bcl ch d dcl dh dx eh el em en eng epi er ey f g gcl h# hh hv ih ix iy jh k kcl l m n ng nx "
    "ow oy p pau pcl q r s sh t tcl th uh uw ux v w y z zh"
)
PHONES_61: tuple[str, ...] = tuple(_PHONE_CODES.split())
"""The phones of TIMIT's documentation (phoncode.doc), sorted."""

_FOLDED = {
    **dict.fromkeys(("h#", "pau", "epi", "bcl", "dcl", "gcl", "pcl", "tcl", "kcl"), SILENCE),
    "ao": "aa",
    "ax": "ah",
    "ax-h": "ah",
    "axr": "er",
    "hv": "hh",
    "ix": "ih",
    "el": "l",
    "em": "m",
    "en": "n",
    "nx": "n",
    "eng": "ng",
    "zh": "sh",
    "ux": "uw",
}


def fold_phone(phone: str) -> str | None:
    """One of the 39 classes for one of TIMIT's 61 phones; None for ``q``, which is removed; labels of other sets stay as they are."""
    phone = phone.lower()
    return None if phone == "q" else _FOLDED.get(phone, phone)


PHONES_39: tuple[str, ...] = tuple(sorted({folded for phone in PHONES_61 if (folded := fold_phone(phone)) is not None}))
"""The classes that the 61 phones fold into, `SILENCE` among them."""


def read_phn(path: Path, *, sample_rate: int = 16000, fold: bool = True) -> Alignment:
    """Read a ``.phn`` file: lines of ``first_sample end_sample phone``.

    Parameters
    ----------
    path : the file
    sample_rate : what its sample numbers count, in Hz (16,000 in all of TIMIT)
    fold : 61 phones to 39 and silence, see the module; False keeps TIMIT's labels

    Raises
    ------
    InputError : unreadable, a line of another form, or impossible times
    """
    rows: list[tuple[float, float, str]] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not (fields := line.split()):
            continue
        try:
            start, end = int(fields[0]), int(fields[1])
            phone = fields[2]
        except (ValueError, IndexError):
            raise InputError(f"{path}, line {number}: {line!r} is not 'first_sample end_sample phone'") from None
        label = fold_phone(phone) if fold else phone
        if label is not None:
            rows.append((start / sample_rate, end / sample_rate, label))
    return to_alignment(rows, path)
