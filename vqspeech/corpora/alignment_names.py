"""Find the utterance that each named alignment belongs to: the one that shares the most of its path."""

from __future__ import annotations

import os
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from vqspeech.corpora.base import Utterance

_Parts = tuple[str, ...]
"""The parts of a path without its ending, the last one first."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """The utterances that named alignments belong to.

    Parameters
    ----------
    owners : name -> id of the utterance
    twice : id -> names of several alignments that fit it equally well; none of them is in `owners`
    ambiguous : name -> ids of the several utterances that it fits equally well
    others : names that belong to no utterance, including those in `ambiguous`
    doubtful : names in `owners` with a folder that the path of their utterance does not have
    """

    owners: Mapping[str, str]
    twice: Mapping[str, tuple[str, ...]]
    ambiguous: Mapping[str, tuple[str, ...]]
    others: tuple[str, ...]
    doubtful: tuple[str, ...]


def assign(names: Sequence[str], base: Path, utterances: Sequence[Utterance]) -> Assignment:
    """Assign alignments to utterances by the parts of a path that both share, from the last one on.

    A name belongs to the utterance with which it shares the most, and to none when several share as much. Nor does a
    name in a folder that holds alignments of strangers, beside a folder of the utterance's own: ``cleo/sa1`` is not
    anna's ``sa1`` where there are ``anna/...``, and a ``cleo/sx5`` that is nobody's. Of several names of an utterance
    the one that shares the most is assigned.

    Parameters
    ----------
    names : paths without ending, relative to `base`; at least one
    base : folder of all of them, absolute, or empty for names that are no paths
    utterances : their ids are unique
    """
    known = _UtteranceNames(utterances)
    folders = {_folded(above.parts) for name in names for above in Path(name).parents}
    wrapper = len(Path(os.path.commonpath([Path(name).parent for name in names])).parts) if base.parts else 0
    claims: dict[str, dict[str, int]] = defaultdict(dict)
    fits = {name: known.owners((base / name).parts) for name in names}
    strange = {_folded(above.parts) for name, (ids, _) in fits.items() if not ids for above in Path(name).parents}
    for name, (ids, shared) in fits.items():
        for key in ids if len(ids) == 1 else ():
            parts = Path(name).parts
            own = {_folded((*parts[: -shared - 1], folder)) for folder in known.folders(key, shared)}
            if shared == len(parts) or _folded(parts[:-shared]) not in strange or not own & folders:
                claims[key][name] = shared
    owners: dict[str, str] = {}
    twice: dict[str, tuple[str, ...]] = {}
    for key, shared_by in claims.items():
        best = tuple(name for name, shared in shared_by.items() if shared == max(shared_by.values()))
        if len(best) == 1:
            owners[best[0]] = key
        else:
            twice[key] = best
    placed = {*owners, *(name for same in twice.values() for name in same)}
    return Assignment(
        owners=owners,
        twice=twice,
        ambiguous={name: tuple(sorted(ids)) for name, (ids, _) in fits.items() if len(ids) > 1},
        others=tuple(name for name in names if name not in placed),
        doubtful=tuple(name for name, key in owners.items() if claims[key][name] < len(Path(name).parts) - wrapper),
    )


class _UtteranceNames:
    """Names of utterances: path, speaker and file name, id, speaker and id.

    Case and the Unicode form of letters matter only where several utterances differ in nothing else.
    """

    def __init__(self, utterances: Sequence[Utterance]) -> None:
        self._utterances = {utterance.id: utterance for utterance in utterances}
        self._names = sorted(
            (_folded(parts), parts, utterance.id) for utterance in utterances for parts in _names(utterance)
        )

    def owners(self, parts: Sequence[str]) -> tuple[set[str], int]:
        """Return the utterances that share the most parts with a path without ending, and how many.

        Of several that share as much, one whose id is the last part has priority, then one of the same case.
        """
        exact = tuple(reversed(parts))
        folded = _folded(exact)
        place = bisect_left(self._names, (folded,))
        shared = max((_common(folded, names[0]) for names in self._names[max(0, place - 1) : place + 1]), default=0)
        if shared == 0:
            return set(), 0
        fitting: list[tuple[_Parts, str]] = []
        place = bisect_left(self._names, (folded[:shared],))
        while place < len(self._names) and self._names[place][0][:shared] == folded[:shared]:
            fitting.append(self._names[place][1:])
            place += 1
        ids = {key for _, key in fitting}
        named = {key for _, key in fitting if _folded((key,)) == folded[:1]}
        same_case = {key for own, key in fitting if own[:shared] == exact[:shared]}
        for better in (named, same_case):
            ids = ids & better or ids
        return ids, shared

    def folders(self, key: str, shared: int) -> Iterable[str]:
        """Return what may stand above the `shared` last parts in names of an utterance."""
        utterance = self._utterances[key]
        yield from utterance.path.parts[:-shared][-1:]
        if shared == 1:
            yield utterance.speaker


def _names(utterance: Utterance) -> set[_Parts]:
    path = utterance.path.with_suffix("")
    return {
        tuple(reversed(path.parts)),
        (path.name, utterance.speaker),
        (utterance.id,),
        (utterance.id, utterance.speaker),
    }


def _folded(parts: Sequence[str]) -> _Parts:
    return tuple(unicodedata.normalize("NFC", part.casefold()) for part in parts)


def _common(one: _Parts, other: _Parts) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
