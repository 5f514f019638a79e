"""Codes that priors are trained on: values of rows.json and bytes of the arrays; opened, and every level looked at."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random

import numpy as np
from fuzzing import Target, json_text, mutated_bytes, mutated_json

from vqspeech.codes import CodeLevel, CodeTable, UtteranceCodes, join_levels
from vqspeech.corpora.code_store import CodeStore, write_codes
from vqspeech.corpora.row_arrays import Sequences

SOURCE = {"run": "runs/x", "checkpoint": "runs/x/checkpoints/step-1", "modality": "audio", "codebook": "abc"}


def base(folder: Path) -> list[Path]:
    """Write sequences of two codebooks, and grids of two levels."""
    draw = np.random.default_rng(0)
    sequences = [draw.integers(0, 5, (2, 3 + number)) for number in range(4)]
    top, bottom = draw.integers(0, 3, (4, 1, 2, 3)), draw.integers(0, 5, (4, 2, 4, 6))
    levels = (
        CodeLevel(name="top", codebook_sizes=(3,), grid=(2, 3)),
        CodeLevel(name="bottom", codebook_sizes=(5, 5), grid=(4, 6)),
    )
    grids = {"codebook_sizes": (3, 5, 5), "grid": (4, 6), "levels": levels, "sample_rate": 0, "hop_samples": 0}
    speech = {"codebook_sizes": (7, 5), "sample_rate": 16000, "hop_samples": 640}
    for name, codes, facts in (("a", sequences, speech), ("b", join_levels([top, bottom]), grids)):
        rows = [
            UtteranceCodes(id=f"{n}", speaker="pq"[n % 2], split="train", path="", n_samples=0, codes=one)
            for n, one in enumerate(codes)
        ]
        write_codes(folder / name, CodeTable(rows=rows, **facts), SOURCE)  # type: ignore[arg-type]
    return [folder / "a", folder / "b"]


def case(made: list[Path], draw: Random, folder: Path) -> None:
    """Change a store and use all of it, as training does."""
    store = folder / "store"
    shutil.copytree(draw.choice(made), store)
    header = store / "rows.json"
    if draw.random() < 0.7:
        values = json.loads(header.read_text())
        part = draw.choice(("facts", "arrays", "corpus", ""))
        changed = {**values, part: mutated_json(values[part], draw)} if part else mutated_json(values, draw)
        header.write_text(json_text(changed, draw))
    else:
        path = draw.choice(sorted(store.glob("*.bin")))
        path.write_bytes(mutated_bytes(path.read_bytes(), draw))
    opened = CodeStore.open(store)
    assert all(isinstance(value, str) for value in opened.source.values()), "a source that is no text"
    assert opened.conditions.max() < len(opened.condition_names), "a condition without a name"
    for level in opened.levels:
        found = opened.at(level.name)
        values = found.codes.values if isinstance(found.codes, Sequences) else found.codes
        assert values.shape[1] == len(level.codebook_sizes), "another number of codebooks"
        sizes = np.array(level.codebook_sizes).reshape(1, -1, *[1] * (values.ndim - 2))
        assert ((values >= 0) & (values < sizes)).all(), "codes beyond their codebook"
        if isinstance(found.codes, Sequences):
            assert (found.codes.lengths >= 0).all() and len(found.codes) == len(opened), "rows that are none"


TARGETS = [Target(name="stores of codes", base=base, case=case, cases=200)]
