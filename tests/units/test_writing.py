"""Codes written as units: what other tools read, what `--units` reads back, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError
from vqspeech.units.reading import read_units
from vqspeech.units.writing import digest, require_writable, write_units

ROWS = {"u1": [[7, 7, 12]], "a.b": [[0, 5]], "file": [[3]]}


def table(rows: dict[str, list[list[int]]] = ROWS, books: int = 1) -> CodeTable:
    made = [
        UtteranceCodes(
            id=name,
            speaker="a",
            split="",
            path=f"/data/{'x' if name == 'file' else 'y'}/{name}.flac",
            n_samples=640 * len(codes[0]),
            codes=np.array(codes, np.int64),
        )
        for name, codes in rows.items()
    ]
    return CodeTable(sample_rate=16000, hop_samples=640, codebook_sizes=(16,) * books, rows=tuple(made))


@pytest.mark.parametrize("name", ["u.jsonl", "u.txt", "u.units", "u.npz", "u.km", "U.JSONL"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    write_units(table(), tmp_path / name)
    found = read_units(tmp_path / name)
    named = {Path(key).name.removesuffix(".flac"): units.tolist() for key, units in found.units.items()}
    assert named == ROWS
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_lines_are_those_that_other_tools_read(tmp_path: Path) -> None:
    for name in ("u.jsonl", "u.txt", "u.units", "u.km"):
        write_units(table(), tmp_path / name)
    lines = (tmp_path / "u.jsonl").read_text().splitlines()
    assert json.loads(lines[1]) == {"file": "a.b", "audio": "a.b.flac", "units": [0, 5]}
    assert (tmp_path / "u.txt").read_text() == "u1|7 7 12\na.b|0 5\nfile|3\n"
    assert (tmp_path / "u.units").read_text() == "u1\t7 7 12\na.b\t0 5\nfile\t3\n"
    assert (tmp_path / "u.km").read_text() == "7 7 12\n0 5\n3\n"
    assert (tmp_path / "u.tsv").read_text() == "/data\ny/u1.flac\t1920\ny/a.b.flac\t1280\nx/file.flac\t640\n"


def test_several_codebooks_need_a_format_that_holds_them(tmp_path: Path) -> None:
    several = table({"u1": [[1, 2], [3, 4]]}, books=2)
    for name in ("u.jsonl", "u.npz"):
        write_units(several, tmp_path / name)
        assert read_units(tmp_path / name).units
        assert read_units(tmp_path / name).codebook_sizes == (3, 5)
    for name in ("u.km", "u.txt", "u.units"):
        with pytest.raises(InputError, match="2"):
            write_units(several, tmp_path / name)
        with pytest.raises(InputError, match="--codebooks 1"):
            require_writable([tmp_path / name], 2)
        assert not (tmp_path / name).exists()


def test_files_of_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "u.txt"
    write_units(table(), path)
    # A shard that ends at the same time writes the same.
    write_units(table(), path)
    before = digest(path)
    other = table({"u1": [[1]]})
    with pytest.raises(InputError, match=r"u\.txt exists"):
        write_units(other, path)
    assert digest(path) == before
    write_units(other, path, {before})
    assert path.read_text() == "u1|1\n"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("u.csv",), r"u\.csv.*\.jsonl \(fastabx"),
        (("u.npy",), r"\.npz"),
        (("u.txt", "u.txt"), "twice"),
        (("taken.km",), r"taken\.tsv exists"),
        (("taken.units",), r"taken\.units exists"),
    ],
)
def test_names_are_checked_before_work(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    (tmp_path / "taken.tsv").write_text("mine")
    (tmp_path / "taken.units").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=message):
        require_writable([tmp_path / name for name in names], 1)


def test_names_that_a_format_cannot_hold(tmp_path: Path) -> None:
    odd = table({"a|b": [[1]]})
    write_units(odd, tmp_path / "u.units")
    with pytest.raises(InputError, match=r"'a\|b'"):
        write_units(odd, tmp_path / "u.txt")
    nowhere = replace(odd, rows=tuple(replace(row, path="") for row in odd))
    with pytest.raises(InputError, match=r"recording '' of 'a\|b'"):
        write_units(nowhere, tmp_path / "u.km")
    with pytest.raises(InputError, match="of image"):
        write_units(replace(odd, modality="image"), tmp_path / "u.jsonl")
    with pytest.raises(InputError, match="0 items"):
        write_units(replace(odd, rows=()), tmp_path / "u.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["u.units"]
