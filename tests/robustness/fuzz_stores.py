"""Prepared corpora whose checksums are right: values of store.json, bytes and rows of the index, lengths of shards."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from fuzzing import VALUES, Target, json_text, mutated_bytes, mutated_json
from hand_store import reseal, rows, write_store

from vqspeech.corpora.base import SPLITS
from vqspeech.corpora.store import AudioStore

NUMBERS = (-1, 0, 1, 100, 101, 200, 2**31, 2**62, 2**63 - 1, -(2**63))
TEXTS = tuple(value for value in VALUES if isinstance(value, str) and value != "\ud800")


def base(folder: Path) -> None:
    """Nothing is shared: a store is written in every case."""


def case(made: None, draw: Random, folder: Path) -> None:
    """Write a store, change it, and use all of it."""
    store, kind = folder / "store", draw.random()
    shards = rows()
    if kind < 0.3:
        row = draw.choice(draw.choice(shards))
        name = draw.choice(sorted(row))
        if name in ("start_sample", "n_samples"):
            row[name] = draw.choice(NUMBERS)
        elif name == "phones":
            times = (0.0, 1e308, float("nan"), float("-inf"), None)
            row[name] = [{"start_s": draw.choice(times), "end_s": draw.choice(times), "label": draw.choice(TEXTS)}]
        else:
            row[name] = draw.choice((*TEXTS, None))
    write_store(store, shards)
    if 0.3 <= kind < 0.65:
        path = store / "store.json"
        path.write_text(json_text(mutated_json(json.loads(path.read_text()), draw), draw))
    elif kind >= 0.65:
        path = store / "index.arrow"
        path.write_bytes(mutated_bytes(path.read_bytes(), draw))
        reseal(store)
    opened = AudioStore.open(store, verify=draw.random() < 0.2)
    assert opened.duration_s >= 0
    assert set(opened.speaker_numbers.tolist()) <= set(range(len(opened.speakers))), "a speaker that nobody knows"
    assert sum(len(opened.indices(split)) for split in SPLITS) == len(opened.rows), "a split that nobody knows"
    for place, row in enumerate(opened.rows):
        assert len(opened.samples(place)) == row.n_samples == len(opened.waveform(place)), "samples beyond the shard"
        assert opened.by_id(row.id) == place
        if row.alignment is not None:
            row.alignment.labels_at([0.0, 0.1])


TARGETS = [Target(name="prepared corpora", base=base, case=case, cases=300)]
