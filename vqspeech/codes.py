"""Tables of codes as Parquet files, a row per item; `vqspeech encode` writes them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech.errors import InputError
from vqspeech.files import whole_file

COLUMNS = ["id", "speaker", "split", "path", "n_samples", "codes"]
"""Columns of a table's Parquet file."""

PITCH = "pitch"
"""A column of tables that hold F0; null in rows without."""


@dataclass(frozen=True, kw_only=True)
class CodeLevel:
    """The codes on one of a model's grids.

    Parameters
    ----------
    name : for example ``top``; empty where there is only one level
    codebook_sizes : number of codes of each codebook
    grid : positions of an item, (rows, columns) for images; None for sequences of any length
    """

    name: str = ""
    codebook_sizes: tuple[int, ...]
    grid: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class UtteranceCodes:
    """The codes of one utterance, or of an item of another modality.

    Parameters
    ----------
    id : name, unique in the table and usable as a file name
    speaker : speaker of the corpus, or class of an item that is not speech; empty when unknown
    split : split of the corpus; empty when unknown
    path : the encoded file
    n_samples : its length in samples at the table's rate; 0 for items that are not speech
    codes : (codebooks, frames) int64, or (codebooks, *grid); code t of speech covers samples [t * hop, (t + 1) * hop)
    pitch : (count,) uint8, F0 of speech as `vqspeech.codec.pitch_codes` quantizes it; None when it was not stored
    """

    id: str
    speaker: str
    split: str
    path: str
    n_samples: int
    codes: np.ndarray
    pitch: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class CodeTable:
    """Codes of many items from one model.

    Codes of several levels are codebooks on the finest grid; those of coarser levels are repeated.

    Parameters
    ----------
    sample_rate : rate of the encoded audio in Hz; 0 for other data
    hop_samples : samples per code; 0 for data without a rate
    codebook_sizes : number of codes in each codebook
    rows : one per item
    modality : kind of the encoded data
    codebook : hash of the codebooks, `vqspeech.nn.quantize.fingerprint.codebook_hash`; empty when unknown
    grid : positions of every item; None for sequences of any length
    levels : levels of codes on several grids, the coarsest first; empty for one
    """

    sample_rate: int
    hop_samples: int
    codebook_sizes: tuple[int, ...]
    rows: Sequence[UtteranceCodes]
    modality: str = "audio"
    codebook: str = ""
    grid: tuple[int, ...] | None = None
    levels: tuple[CodeLevel, ...] = ()

    @property
    def frame_rate_hz(self) -> float:
        """Codes per second and codebook; 0 for data without a rate."""
        return self.sample_rate / self.hop_samples if self.hop_samples else 0.0

    @property
    def all_levels(self) -> tuple[CodeLevel, ...]:
        """The levels, or the only one."""
        return self.levels or (CodeLevel(codebook_sizes=self.codebook_sizes, grid=self.grid),)

    @property
    def has_pitch(self) -> bool:
        """Whether a row holds F0."""
        return any(row.pitch is not None for row in self.rows)

    def __iter__(self) -> Iterator[UtteranceCodes]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def files(self, folder: Path, suffix: str) -> list[Path]:
        """Return a file for each row in a folder, named after its id.

        Raises
        ------
        InputError : for an id that is no file name, or that several rows have
        """
        ids = [row.id for row in self.rows]
        for name in ids:
            if not name or name in (".", "..") or set(name) & {"/", "\\", "\0"}:
                raise InputError(f"the table of codes has a row {name!r}, which cannot be the name of a file")
        if len(set(ids)) < len(ids):
            again = next(name for name in ids if ids.count(name) > 1)
            raise InputError(f"the table of codes has several rows {again!r}, which would be the same file")
        return [folder / f"{name}{suffix}" for name in ids]

    def split_levels(self, codes: np.ndarray) -> tuple[np.ndarray, ...]:
        """Separate codes (..., codebooks, *grid) into those of each level, each on its own grid."""
        parts, first = [], 0
        for level in self.all_levels:
            last = first + len(level.codebook_sizes)
            steps = [1]
            if self.grid is not None and level.grid is not None:
                steps = [fine // coarse for fine, coarse in zip(self.grid, level.grid, strict=True)]
            index: tuple[Any, ...] = (..., slice(first, last), *(slice(None, None, step) for step in steps))
            parts.append(codes[index])
            first = last
        return tuple(parts)

    def write(self, path: Path, notes: Mapping[str, str] | None = None) -> None:
        """Write the table as Parquet, atomically, with `notes` in the file's metadata."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {name: [getattr(row, name) for row in self.rows] for name in ("id", "speaker", "split", "path")}
        content = {
            **{name: pa.array(values, pa.string()) for name, values in columns.items()},
            "n_samples": pa.array([row.n_samples for row in self.rows], pa.int64()),
            "codes": _nested([row.codes.reshape(len(row.codes), -1) for row in self.rows]),
        }
        if self.has_pitch:
            content[PITCH] = pa.array([row.pitch for row in self.rows], pa.list_(pa.uint8()))
        table = pa.table(content)
        facts = {
            "sample_rate": self.sample_rate,
            "hop_samples": self.hop_samples,
            "codebook_sizes": self.codebook_sizes,
            "modality": self.modality,
            "codebook": self.codebook,
            "grid": self.grid,
            "levels": [dataclasses.asdict(level) for level in self.levels],
        }
        with whole_file(path) as partial:
            pq.write_table(table.replace_schema_metadata({"vqspeech": json.dumps(facts), **(notes or {})}), partial)

    @classmethod
    def read(cls, path: Path) -> CodeTable:
        """Read a table written by `write`.

        Raises
        ------
        InputError : when the file is missing, not Parquet, or not a table of codes
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
            facts = json.loads(table.schema.metadata[b"vqspeech"])
            grid = _tuple(facts.get("grid"))
            return cls(
                sample_rate=facts["sample_rate"],
                hop_samples=facts["hop_samples"],
                codebook_sizes=tuple(facts["codebook_sizes"]),
                rows=tuple(
                    UtteranceCodes(**{**row, "codes": _shaped(row["codes"], grid), PITCH: _bytes(row.get(PITCH))})
                    for row in table.select([*COLUMNS, *({PITCH} & set(table.column_names))]).to_pylist()
                ),
                modality=facts.get("modality", "audio"),
                codebook=facts.get("codebook", ""),
                grid=grid,
                levels=tuple(
                    CodeLevel(
                        name=level["name"],
                        codebook_sizes=tuple(level["codebook_sizes"]),
                        grid=_tuple(level["grid"]),
                    )
                    for level in facts.get("levels", ())
                ),
            )
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path} is not a table of codes ({error}); `vqspeech encode RUN AUDIO --out CODES.parquet` writes one"
            ) from error


def join_levels(levels: Sequence[np.ndarray]) -> np.ndarray:
    """Repeat codes (items, codebooks, *grid) of levels to the finest grid and concatenate codebooks.

    Parameters
    ----------
    levels : codes of each level, the coarsest first; each grid divides the next one
    """
    joined = []
    for codes in levels:
        for axis in range(2, codes.ndim):
            codes = codes.repeat(levels[-1].shape[axis] // codes.shape[axis], axis)
        joined.append(codes)
    return np.concatenate(joined, 1)


def _tuple(grid: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if grid is None else tuple(grid)


def _bytes(values: list[int] | None) -> np.ndarray | None:
    return None if values is None else np.asarray(values, dtype=np.uint8)


def _shaped(codes: list[list[int]], grid: tuple[int, ...] | None) -> np.ndarray:
    array = np.asarray(codes, dtype=np.int64)
    return array if grid is None else array.reshape(len(array), *grid)


def _nested(codes: Sequence[np.ndarray]) -> Any:
    """Convert (codebooks, frames) arrays to Arrow list<list<int32>>, without Python objects."""
    import pyarrow as pa

    def offsets(sizes: list[int]) -> Any:
        return pa.array(np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]), pa.int32())

    books = [book for item in codes for book in item]
    flat = np.concatenate(books).astype(np.int32) if books else np.zeros(0, np.int32)
    inner = pa.ListArray.from_arrays(offsets([len(book) for book in books]), pa.array(flat))
    return pa.ListArray.from_arrays(offsets([len(item) for item in codes]), inner)
