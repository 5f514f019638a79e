"""Tables of codes: bytes of the file, its columns, and the facts in its metadata."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fuzzing import Target, json_text, mutated_bytes, mutated_json

from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError

NESTED = pa.list_(pa.list_(pa.int32()))
IDS = ["u0", "u1", "u1", "../u", "/tmp/u", "", ".", "a/b", "a\\b", "\x1b[2J", "é", "u\n0", None, "x" * 300]
CODES: list[Any] = [
    [[1, 2], [3, 4]], [[1, 2], [3]], [[1, 2]], [], [[], []], [[0] * 50, [7] * 50], [[8, 8], [0, 0]], [[-1], [0]], None,
    [None, [1]], [[1, None], [1, 2]], [[2**31 - 1], [0]],
]  # fmt: skip


def base(folder: Path) -> tuple[bytes, dict[str, Any]]:
    """Return the bytes of a table, and its facts."""
    draw = np.random.default_rng(0)
    rows = [
        UtteranceCodes(
            id=f"u{n}",
            speaker="p1",
            split="test",
            path=f"/data/u{n}.wav",
            n_samples=10 * n,
            codes=draw.integers(0, 8, (2, n)),
            pitch=draw.integers(0, 200, n).astype(np.uint8) if n % 2 else None,
        )
        for n in range(1, 6)
    ]
    path = folder / "codes.parquet"
    CodeTable(sample_rate=16000, hop_samples=10, codebook_sizes=(8, 8), rows=rows).write(path)
    return path.read_bytes(), json.loads(pq.read_schema(path).metadata[b"vqspeech"])


def case(made: tuple[bytes, dict[str, Any]], draw: Random, folder: Path) -> None:
    """Mutate bytes, or write other columns and facts; read, and check what was read."""
    path, (content, facts) = folder / "codes.parquet", made
    if draw.random() < 0.3:
        path.write_bytes(mutated_bytes(content, draw))
    else:
        metadata = {"vqspeech": json_text(mutated_json(facts, draw) if draw.random() < 0.5 else facts, draw)}
        pq.write_table(_columns(draw).replace_schema_metadata(metadata), path)
    table = CodeTable.read(path)
    _check(table)
    try:
        files = table.files(folder / "out", ".wav")
    except InputError:
        return
    assert all(file.parent == folder / "out" for file in files) and len(set(files)) == len(table), "ids lead elsewhere"


def _columns(draw: Random) -> pa.Table:
    count = draw.choice((0, 1, 2, 5))
    columns: dict[str, Any] = {name: pa.array(["p"] * count, pa.string()) for name in ("speaker", "split", "path")}
    columns["id"] = pa.array([f"u{n}" for n in range(count)], pa.string())
    columns["n_samples"] = pa.array([20] * count, pa.int64())
    columns["codes"] = pa.array([[[1, 2], [3, 4]]] * count, NESTED)
    for _ in range(draw.choice((0, 1, 1, 2))):
        name = draw.choice(list(columns))
        columns[name] = draw.choice(
            (
                lambda: pa.array([draw.choice(IDS) for _ in range(count)], pa.string()),
                lambda: pa.array([draw.choice((0, -5, 7, 2**62, None)) for _ in range(count)], pa.int64()),
                lambda: pa.array([draw.choice(CODES) for _ in range(count)], NESTED),
                lambda: pa.array([draw.random() for _ in range(count)]),
                lambda: pa.array([draw.randrange(2**31) for _ in range(count)], pa.timestamp("s")),
                lambda: pa.nulls(count),
                lambda: pa.array([{"a": 1}] * count),
                lambda: pa.array([b"\xff\xfe"] * count, pa.binary()),
                lambda: pa.array(["p"] * count).dictionary_encode(),
            )
        )()
    if draw.random() < 0.1:
        del columns[draw.choice(list(columns))]
    if draw.random() < 0.2:
        columns["pitch"] = pa.array([draw.choice(([1, 2], None, [], [None], [300])) for _ in range(count)])
    return pa.table(columns)


def _check(table: CodeTable) -> None:
    assert len({row.id for row in table}) == len(table), "an id twice"
    assert 0 <= table.sample_rate < 2**31 and 0 <= table.hop_samples < 2**31
    for row in table:
        texts = (row.id, row.speaker, row.split, row.path)
        assert all(isinstance(one, str) for one in texts) and row.n_samples >= 0, "a row without values"
        assert len(row.codes) == len(table.codebook_sizes), "codes of other codebooks"
        for book, size in zip(row.codes, table.codebook_sizes, strict=True):
            assert (book >= 0).all() and (book < size).all(), "codes outside their codebook"


TARGETS = [Target(name="tables of codes", base=base, case=case, cases=300)]
