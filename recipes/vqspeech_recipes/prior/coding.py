"""The codes of a corpus: joined to rows of at least a window, and the phones of codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vqspeech.analysis.sampled.phones import PhoneMap, fit_phone_map
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import InputError


def joined(table: CodeTable, frames: int) -> CodeTable:
    """Join utterances of a speaker and split, in order, into rows of at least `frames`.

    A row has the id of its first utterance. What is left of a speaker's utterances joins the last row; where there is
    none, it is a shorter row.
    """
    rows: list[UtteranceCodes] = []
    for group in _groups(table).values():
        waiting: list[UtteranceCodes] = []
        own: list[list[UtteranceCodes]] = []
        for row in group:
            waiting.append(row)
            if sum(one.codes.shape[1] for one in waiting) >= frames:
                own.append(waiting)
                waiting = []
        if waiting and own:
            own[-1] += waiting
        elif waiting:
            own.append(waiting)
        rows += [_one(parts, table.hop_samples) for parts in own]
    return replace(table, rows=tuple(rows))


def _groups(table: CodeTable) -> dict[tuple[str, str], list[UtteranceCodes]]:
    groups: dict[tuple[str, str], list[UtteranceCodes]] = {}
    for row in table:
        groups.setdefault((row.speaker, row.split), []).append(row)
    return groups


def _one(parts: Sequence[UtteranceCodes], hop_samples: int) -> UtteranceCodes:
    if len(parts) == 1:
        return parts[0]
    codes = np.concatenate([part.codes for part in parts], axis=1)
    return replace(parts[0], codes=codes, n_samples=codes.shape[1] * hop_samples, pitch=None)


def phones_of_codes(table: CodeTable, store: AudioStore, inventory: str) -> dict[str, Any]:
    """Fit the phones of codes on training rows; return JSON values: of a `PhoneMap`, or the reason for none.

    Parameters
    ----------
    table : codes of the utterances, not joined
    store : their alignments
    inventory : see `vqspeech.alignment.inventories.fold_all`
    """
    alignments = {row.id: row.alignment for row in store.rows if row.alignment is not None}
    train = replace(table, rows=tuple(row for row in table if row.split == "train" and row.id in alignments))
    if not train.rows:
        return {"reason": "no training utterance has a phone alignment; corpus.aligner = 'pocketsphinx' makes them"}
    try:
        found = fit_phone_map(train, alignments, inventory)
    except InputError as error:
        return {"reason": str(error)}
    return {
        "phones": list(found.phones),
        "phone_of": found.phone_of.tolist(),
        "inventory": found.inventory,
        "accuracy": found.accuracy,
        "utterances": found.utterances,
    }


def phone_map(values: dict[str, Any]) -> PhoneMap | None:
    """Return the map that `phones_of_codes` returned as JSON values; None for a reason."""
    if "reason" in values:
        return None
    return PhoneMap(
        phones=tuple(values["phones"]),
        phone_of=np.array(values["phone_of"], np.int64),
        inventory=values["inventory"],
        accuracy=values["accuracy"],
        utterances=values["utterances"],
    )
