"""Find the phone in a decorated label: contexts of HTS and HTK, states of a model, positions of Kaldi.

- context: ``sil-hh+ay`` (HTK triphones, with ``hh+ay`` and ``hh-ay`` at edges of words) and
  ``x^pau-sh+iy=hv@2_3/A:...`` (HTS full context); the centre is before the first ``+``
- state: ``hh[2]``; the states of one phone become one interval
- position in the word: ``HH_B``, ``AY1_E`` (Kaldi)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from vqspeech.alignment.base import SILENCE, silence_folded

Row = tuple[float, float, str]

_STATE = re.compile(r"(.+)\[([0-9]{1,3})\]", re.DOTALL)
_POSITION = re.compile(r"(.+)_[BIES]", re.DOTALL)
# TIMIT's ax-h is the one phone with a hyphen of its own.
_PHONE = r"(?:ax-h|[^-+]++)"
_CENTRE = re.compile(rf"[^+]+?-(?P<phone>{_PHONE})\+.++", re.DOTALL)
_FIRST = re.compile(rf"(?P<phone>{_PHONE})\+(?P<right>{_PHONE})")
_LAST = re.compile(rf"(?!ax-h\Z)(?P<left>{_PHONE})-(?P<phone>{_PHONE})")
_ABUT_S = 1e-3


def plain_phones(rows: Sequence[Row]) -> list[Row]:
    """Replace decorated labels by their phones, where more than half of a file's labels have the same decoration.

    Parameters
    ----------
    rows : (start_s, end_s, label) of one file, sorted
    """
    rows = list(rows)
    if _mostly(rows, lambda label: _STATE.fullmatch(label) is not None):
        rows = _joined_states(rows)
    if _have_contexts(rows):
        rows = _relabelled(rows, _centre)
    if _mostly(rows, lambda label: _POSITION.fullmatch(label) is not None):
        rows = _relabelled(rows, without_position)
    return rows


def without_position(label: str) -> str:
    """Return a label of Kaldi's without its position in the word (``_B``, ``_I``, ``_E``, ``_S``)."""
    match = _POSITION.fullmatch(label)
    return match[1] if match else label


def _relabelled(rows: Sequence[Row], phone_of: Callable[[str], str]) -> list[Row]:
    """Replace labels by their phones; kinds of silence are folded in labels that change only."""
    plain = {label: phone_of(label) for _, _, label in rows}
    return [
        (start_s, end_s, label if plain[label] == label else silence_folded(plain[label]))
        for start_s, end_s, label in rows
    ]


def _mostly(rows: Sequence[Row], has: Callable[[str], bool]) -> bool:
    """Return whether more than half of the labels that are no plain silence have a decoration."""
    labels = [label for _, _, label in rows if silence_folded(label) != SILENCE]
    return 2 * sum(map(has, labels)) > len(labels)


def _have_contexts(rows: Sequence[Row]) -> bool:
    labels = [label for _, _, label in rows]
    sure = any(_CENTRE.fullmatch(label) for label in labels) or any(
        (first := _FIRST.fullmatch(one))
        and (last := _LAST.fullmatch(other))
        and (first["phone"], first["right"]) == (last["left"], last["phone"])
        for one, other in pairwise(labels)
    )
    return sure and _mostly(rows, lambda label: _centre(label) != label)


def _centre(label: str) -> str:
    match = _CENTRE.fullmatch(label) or _FIRST.fullmatch(label) or _LAST.fullmatch(label)
    return match["phone"] if match else label


def _joined_states(rows: Sequence[Row]) -> list[Row]:
    joined: list[Row] = []
    last = ("", -1)
    for start_s, end_s, label in rows:
        match = _STATE.fullmatch(label)
        phone, state = (match[1], int(match[2])) if match else (label, -1)
        if match and joined and phone == last[0] and state > last[1] >= 0 and abs(joined[-1][1] - start_s) <= _ABUT_S:
            joined[-1] = (joined[-1][0], end_s, phone)
        else:
            joined.append((start_s, end_s, phone))
        last = (phone, state)
    return joined
