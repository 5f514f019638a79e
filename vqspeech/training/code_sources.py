"""Where the codes of a prior come from: the data of a run, or tables that ``vqspeech encode`` wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vqspeech.codec.load import load_with_modality
from vqspeech.codec.pitch_codes import LEVELS, beside_codes, codes_per_frame
from vqspeech.codes import CodeLevel, CodeTable, UtteranceCodes
from vqspeech.corpora.base import SPLITS
from vqspeech.corpora.code_store import CodeStore, write_codes
from vqspeech.errors import InputError
from vqspeech.nn.quantize.fingerprint import codebook_hash
from vqspeech.runs import RunDirectory

HELD_OUT = 20
"""Of rows without any split, one in as many is held out."""

Report = Callable[[int, int], None]


def store_codes(data: Path, directory: Path, model: Mapping[str, Any], progress: Report | None) -> CodeStore:
    """Store the codes that a prior is trained on.

    Parameters
    ----------
    data : a run, whose data is encoded by its last checkpoint; or a table of codes, or a folder of tables
    directory : directory to create or replace
    model : the table ``model`` of the prior, with ``conditioned`` and ``pitch``
    progress : called with the numbers of encoded and of all rows

    Raises
    ------
    InputError : when there are no codes, or codes of several models
    CheckpointError : when the model of a run cannot be used
    """
    if data.suffix == ".parquet" or (data.is_dir() and tables_of(data)):
        return _of_tables(tables_of(data), data, directory, model, progress)
    if model["pitch"]:
        raise InputError(
            f"model.pitch = true needs F0 beside the codes, which a run does not hold: vqspeech encode {data} "
            f"{RunDirectory(data).store} --pitch --out codes.parquet, then --data-dir codes.parquet"
        )
    return _of_run(data, directory, progress)


def tables_of(path: Path) -> list[Path]:
    """Return the tables of a path: the file, or those that ``vqspeech encode`` wrote to a folder; none in a run."""
    if not path.is_dir():
        return [path]
    whole = path / "codes.parquet"
    return [whole] if whole.is_file() else sorted(path.glob("*.parquet")) or sorted(path.glob("parts/*.parquet"))


def _of_run(path: Path, directory: Path, progress: Report | None) -> CodeStore:
    run = RunDirectory(path)
    modality, loaded = load_with_modality(run.path, device="cuda" if torch.cuda.is_available() else "cpu")
    if not run.store.is_dir():
        raise InputError(f"{run.path} holds no prepared data ({run.store.name}/); train its model here first")
    if not hasattr(modality, "encode_store"):
        raise InputError(f"{loaded.path} is a model whose modality cannot encode its data: it has no encode_store")
    store = modality.open(run.store)
    table = modality.encode_store(loaded, store, progress=progress)
    source = {
        "run": str(run.path),
        "checkpoint": str(loaded.path),
        "modality": table.modality,
        "codebook": codebook_hash(loaded.model),
    }
    names = getattr(loaded, "speakers", ()) or getattr(loaded, "conditions", ())
    if voices := getattr(loaded, "speakers", ()):
        # Omits held-out rows only: the speakers of training rows are the model's.
        table = replace(table, rows=tuple(row for row in table if not row.speaker or row.speaker in voices))
    return write_codes(directory, table, source, names, f"{_kinds(table)} of {store.corpus.variant}")


@dataclass
class _Contents:
    """What a first pass over tables finds.

    Parameters
    ----------
    rows : number of rows with codes
    divided : whether rows are held out by their ids: none has a split, and some are left to train on
    speakers : speakers of training rows
    """

    rows: int
    divided: bool
    speakers: frozenset[str]

    def split(self, row: UtteranceCodes) -> str:
        """Return the split of a row."""
        return row.split or (_split(row.id) if self.divided else "train")


def _of_tables(
    paths: Sequence[Path], data: Path, directory: Path, model: Mapping[str, Any], progress: Report | None
) -> CodeStore:
    tables = {path: CodeTable.facts(path) for path in paths}
    first, table = next(iter(tables.items()))
    for path, other in tables.items():
        if other != table:
            raise InputError(
                f"{path} and {first} hold codes of two models (codebooks {other.codebook[:12] or 'unknown'} of "
                f"{other.codebook_sizes} and {table.codebook[:12] or 'unknown'} of {table.codebook_sizes}); encode all "
                "recordings by one"
            )
    if not table.codebook:
        raise InputError(f"{first} names no codebook, so no model can be found to fit; encode the recordings again")
    levels = (LEVELS + 1,) * codes_per_frame(table.sample_rate, table.hop_samples) if model["pitch"] else ()
    contents = _read(tables)
    if not contents.rows:
        raise InputError(f"{data} holds no codes: it has no row with a frame; encode recordings that are longer")
    chosen = _Chosen(tables, contents, drop=bool(model["conditioned"]), pitch=len(levels), progress=progress)
    source = {"run": str(data), "checkpoint": str(first), "modality": table.modality, "codebook": table.codebook}
    split = f", 1 of {HELD_OUT} rows held out" if contents.divided else ""
    variant = f"{_kinds(table)}{' and F0' if levels else ''} of {data.name}{split}"
    names = sorted(contents.speakers)
    return write_codes(directory, table, source, names, variant, rows=chosen.rows(), pitch_sizes=levels)


def _read(tables: Mapping[Path, CodeTable]) -> _Contents:
    """Read the speakers and splits of all rows with codes."""
    rows, splits = 0, False
    # Of rows for training, of those without a split, and of those of these that are not held out by their ids.
    train, without, left = set(), set(), set()
    for path, table in tables.items():
        for row in table.read_rows(path):
            if row.split not in ("", *SPLITS):
                raise InputError(f"{path}: the split of {row.id!r} is {row.split!r}; {', '.join(SPLITS)}, or empty")
            if not row.codes.size:
                continue
            rows += 1
            splits |= bool(row.split)
            if row.split == "train":
                train.add(row.speaker)
            elif not row.split:
                without.add(row.speaker)
                if _split(row.id) == "train":
                    left.add(row.speaker)
    divided = not splits and bool(left)
    trained = train | (left if divided else without)
    return _Contents(rows=rows, divided=divided, speakers=frozenset(trained - {""}))


@dataclass(frozen=True)
class _Chosen:
    """The rows of tables as a prior is trained on them.

    Parameters
    ----------
    tables : file -> facts
    contents : what the rows hold
    drop : whether held-out rows of other speakers than those of training rows are omitted
    pitch : codebooks of F0 to add
    progress : called with the numbers of rows so far and of all
    """

    tables: Mapping[Path, CodeTable]
    contents: _Contents
    drop: bool
    pitch: int
    progress: Report | None

    def rows(self) -> Iterator[UtteranceCodes]:
        done = 0
        for path, table in self.tables.items():
            for row in table.read_rows(path):
                if not row.codes.size:
                    continue
                done += 1
                if self.progress is not None:
                    self.progress(done, self.contents.rows)
                split = self.contents.split(row)
                if split != "train" and self.drop and row.speaker and row.speaker not in self.contents.speakers:
                    continue
                yield replace(row, split=split, codes=self._codes(row, path))

    def _codes(self, row: UtteranceCodes, path: Path) -> np.ndarray:
        if not self.pitch:
            return row.codes
        if row.pitch is None:
            raise InputError(
                f"model.pitch = true, and {row.id!r} of {path} has no F0; encode the recordings with --pitch"
            )
        if (row.pitch > LEVELS).any():
            raise InputError(f"{row.id!r} of {path} has codes of F0 above {LEVELS}; encode the recording again")
        return np.concatenate([row.codes, beside_codes(row.pitch, row.codes.shape[1], self.pitch)])


def _split(name: str) -> str:
    """Return the split of a row of a table without splits, a function of its id."""
    return "train" if int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % HELD_OUT else "valid"


def _kinds(table: CodeTable) -> str:
    return " and ".join(_described(level) for level in table.all_levels)


def _described(level: CodeLevel) -> str:
    """Describe the shape of an item's codes in words."""
    books = len(level.codebook_sizes)
    if level.grid is None:
        return f"sequences of codes in {books} codebook{'s' if books > 1 else ''}"
    return f"{level.name} codes {' x '.join(map(str, (*level.grid, books)))}".strip()
