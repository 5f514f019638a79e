"""Units in the formats of other tools; and files that are none."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError
from vqspeech.units.reading import read_units

UNITS = {"a/u1": [71, 71, 12], "a/u2": [0, 5]}


def _write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = {name: " ".join(map(str, units)) for name, units in UNITS.items()}
    arrays = {name: np.array(units) for name, units in UNITS.items()}
    lines = {
        "fairseq.txt": [f"{name}|{units}" for name, units in text.items()],
        "textless.units": [f"{name}\t{units}" for name, units in text.items()],
        "kaldi": [f"{name} {units}" for name, units in text.items()],
        "commas.txt": [f"{name} {units.replace(' ', ',')}" for name, units in text.items()],
        "spidr.jsonl": [json.dumps({"file": name, "units": units}) for name, units in UNITS.items()],
        "strings.jsonl": [json.dumps({"audio": name, "hubert": units}) for name, units in text.items()],
        "books.jsonl": [json.dumps({"audio": name, "units": [units]}) for name, units in UNITS.items()],
        "labels.km": list(text.values()),
    }
    if path.name in lines:
        path.write_text("\n".join(lines[path.name]) + "\n", encoding="utf-8")
    elif path.suffix == ".npz":
        np.savez(path, **(arrays if path.stem == "flat" else {key: one[None, None] for key, one in arrays.items()}))
    else:
        pq.write_table(pa.table({"id": list(UNITS), "unit": list(UNITS.values())}), path)
    path.with_suffix(".tsv").write_text("/data\n" + "".join(f"{name}\t16000\n" for name in UNITS), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "name",
    (
        *("fairseq.txt", "textless.units", "kaldi", "commas.txt", "spidr.jsonl", "strings.jsonl", "books.jsonl"),
        *("labels.km", "flat.npz", "batched.npz", "others.parquet"),
    ),
)
def test_every_format_gives_the_same_units(tmp_path: Path, name: str) -> None:
    found = read_units(_write(tmp_path / name))
    assert {key: value.tolist() for key, value in found.units.items()} == {key: [v] for key, v in UNITS.items()}
    assert found.codebook_sizes == (72,)
    assert found.rate_hz is None


def test_a_table_of_vqspeech_states_its_rate_and_sizes(tmp_path: Path) -> None:
    row = UtteranceCodes(id="u", speaker="a", split="", path="", n_samples=1280, codes=np.array([[1, 2], [3, 0]]))
    CodeTable(sample_rate=16000, hop_samples=640, codebook_sizes=(128, 64), rows=[row]).write(tmp_path / "c.parquet")
    found = read_units(tmp_path / "c.parquet")
    assert (found.rate_hz, found.codebook_sizes) == (Fraction(25), (128, 64))
    assert found.units["u"].tolist() == [[1, 2], [3, 0]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("u.txt", "a|1 2\na|3\n", "'a' occurs twice"),
        ("u.txt", "a|1 -1\n", "'-1'"),
        ("u.txt", "a|1 2.5\n", "'2.5'"),
        ("u.txt", "a|99999999\n", "99999999"),
        ("u.txt", "\n", "no units"),
        ("u.txt", "a\nb\n", "no units"),
        ("u.jsonl", '{"audio": "a", "units": [1, "x"]}', "'x'"),
        ("u.jsonl", '{"audio": "a", "units": [[1, 2], [3]]}', "differ in length: [2, 1]"),
        ("u.jsonl", '{"audio": "a", "units": [1]}\n{"audio": "b", "units": [[1], [2]]}', "2 codebooks"),
        ("u.jsonl", '{"audio": "a"}', "none of the keys units"),
        ("u.jsonl", "{'audio': 'a'}", "not JSON"),
        ("u.km", "1 2\n", "u.tsv is missing"),
        ("u.npy", "", "not read from .npy"),
        ("u.npz", "PK", "u.npz"),
        ("u.parquet", "PAR1", "u.parquet"),
    ],
)
def test_other_content_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_units(tmp_path / name)
    assert message in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_binary_missing_and_other_arrays_are_refused(tmp_path: Path) -> None:
    (tmp_path / "u.txt").write_bytes(b"\xff\xfe\x00")
    np.savez(tmp_path / "floats.npz", a=np.array([0.5]))
    np.savez(tmp_path / "cube.npz", a=np.zeros((2, 2, 3), int))
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    pq.write_table(pa.table({"speech": ["a"]}), tmp_path / "other.parquet")
    pq.write_table(pa.table({"id": ["a"], "units": [[1, None]]}), tmp_path / "null.parquet")
    for name in ("u.txt", "floats.npz", "cube.npz", "objects.npz", "other.parquet", "null.parquet", "missing", ""):
        with pytest.raises(InputError, match=str(tmp_path / name)):
            read_units(tmp_path / name)


def test_labels_of_another_manifest_are_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "labels.km")
    path.write_text("1 2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"1 lines, its manifest labels.tsv 2"):
        read_units(path)
