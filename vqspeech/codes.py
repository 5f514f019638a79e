"""Tables of codes as Parquet files, a row per item; `vqspeech encode` writes them."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech import untrusted
from vqspeech.errors import InputError
from vqspeech.names import file_name

MOST_CODEBOOKS = 1024
"""Most codebooks of a table that can be read."""


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

    @classmethod
    def parse(cls, value: Any) -> CodeLevel:
        """Make a level of the JSON values of a file; raise ValueError for values out of range."""
        level = {"name": None, "codebook_sizes": None, "grid": None, **untrusted.table(value, "a level")}
        return cls(
            name=untrusted.text(level["name"], "the name of a level"),
            codebook_sizes=_sizes(level["codebook_sizes"], "codebook_sizes of a level"),
            grid=_grid(level["grid"], "grid of a level"),
        )


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
            if not untrusted.is_file_name(name):
                raise InputError(f"the table of codes has a row {name!r}, which cannot be the name of a file")
        if again := next((name for name, count in Counter(ids).items() if count > 1), None):
            raise InputError(f"the table of codes has several rows {again!r}, which would be the same file")
        return [folder / file_name(name, suffix) for name in ids]

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
        """Write the table as Parquet with a checksum, atomically, and with `notes` in the file's metadata."""
        import pyarrow as pa

        from vqspeech.codes_parquet import PITCH, nested, write

        columns = {name: [getattr(row, name) for row in self.rows] for name in ("id", "speaker", "split", "path")}
        content = {
            **{name: pa.array(values, pa.string()) for name, values in columns.items()},
            "n_samples": pa.array([row.n_samples for row in self.rows], pa.int64()),
            "codes": nested([row.codes.reshape(len(row.codes), -1) for row in self.rows]),
        }
        if self.has_pitch:
            content[PITCH] = pa.array([row.pitch for row in self.rows], pa.list_(pa.uint8()))
        facts = {
            "sample_rate": self.sample_rate,
            "hop_samples": self.hop_samples,
            "codebook_sizes": self.codebook_sizes,
            "modality": self.modality,
            "codebook": self.codebook,
            "grid": self.grid,
            "levels": [dataclasses.asdict(level) for level in self.levels],
        }
        write(path, pa.table(content), {"vqspeech": json.dumps(facts), **(notes or {})})

    @classmethod
    def facts(cls, path: Path) -> CodeTable:
        """Read a table without its rows, for `read_rows`; errors as `read`."""
        from vqspeech.codes_parquet import checked_metadata, facts_of

        with _unreadable(path):
            return cls(rows=(), **_facts(facts_of(checked_metadata(path))))

    def read_rows(self, path: Path) -> Iterator[UtteranceCodes]:
        """Yield the rows of the file of this table, a block in memory at a time; errors as `read`."""
        from vqspeech.codes_parquet import checked_batches

        with _unreadable(path):
            for rows in checked_batches(path):
                yield from _rows(rows, self)

    @classmethod
    def read(cls, path: Path) -> CodeTable:
        """Read a table written by `write`; every value is checked, since it may come from a stranger.

        Raises
        ------
        InputError : when the file is missing, not Parquet, not a table of codes, or not as it was written
        """
        empty = cls.facts(path)
        table = dataclasses.replace(empty, rows=tuple(empty.read_rows(path)))
        with _unreadable(path):
            if again := [name for name, count in Counter(row.id for row in table).items() if count > 1]:
                raise ValueError(f"several rows are named {again[0]!r}")
        return table


@contextmanager
def _unreadable(path: Path) -> Iterator[None]:
    """Make what reading a file raises an `InputError` that names it."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException, ValueError, MemoryError) as error:
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


def _facts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a table except its rows; raise ValueError for values out of range."""
    if missing := [name for name in ("sample_rate", "hop_samples", "codebook_sizes") if name not in values]:
        raise ValueError(f"its metadata has no {missing[0]}")
    facts: dict[str, Any] = {
        "sample_rate": untrusted.whole(values["sample_rate"], "sample_rate"),
        "hop_samples": untrusted.whole(values["hop_samples"], "hop_samples"),
        "codebook_sizes": _sizes(values["codebook_sizes"], "codebook_sizes"),
        "modality": untrusted.text(values.get("modality", "audio"), "modality"),
        "codebook": untrusted.text(values.get("codebook", ""), "codebook"),
        "grid": _grid(values.get("grid"), "grid"),
        "levels": tuple(CodeLevel.parse(one) for one in untrusted.items(values.get("levels", []), "levels")),
    }
    levels, grid = facts["levels"], facts["grid"]
    if levels and sum((level.codebook_sizes for level in levels), ()) != facts["codebook_sizes"]:
        raise ValueError("the codebooks of its levels are not those of its codes")
    for level in levels:
        fits = grid is None or level.grid is None or len(grid) == len(level.grid)
        if not fits or any(fine % coarse for fine, coarse in zip(grid or (), level.grid or (), strict=False)):
            raise ValueError(f"the grid {level.grid} of a level does not divide {grid}")
    return facts


def _sizes(value: Any, name: str) -> tuple[int, ...]:
    sizes = untrusted.wholes(value, name, 1)
    if not 1 <= len(sizes) <= MOST_CODEBOOKS:
        raise ValueError(f"{name} are {len(sizes)}; from 1 to {MOST_CODEBOOKS}")
    return sizes


def _grid(value: Any, name: str) -> tuple[int, ...] | None:
    grid = None if value is None else untrusted.wholes(value, name, 1)
    if grid is not None and math.prod(grid) > untrusted.MOST:
        raise ValueError(f"{name} has {math.prod(grid)} positions; at most {untrusted.MOST}")
    return grid


def _rows(rows: Any, table: CodeTable) -> Iterator[UtteranceCodes]:
    """Yield the rows of a file for a table; raise ValueError for values that do not fit it."""
    from vqspeech.codes_parquet import PITCH, codes_of

    sizes = np.array(table.codebook_sizes, np.int64)[:, None]
    for batch in rows.to_batches():
        names = [name for name in batch.schema.names if name not in ("codes", PITCH)]
        pitches = batch.column(PITCH) if PITCH in batch.schema.names else [None] * len(batch)
        for facts, codes, pitch in zip(
            batch.select(names).to_pylist(), codes_of(batch, len(sizes)), pitches, strict=True
        ):
            name = facts["id"]
            if (codes < 0).any() or (codes >= sizes).any():
                raise ValueError(f"{name!r} has codes outside its codebooks, of sizes {table.codebook_sizes}")
            if table.grid is not None:
                if codes.shape[1] != math.prod(table.grid):
                    raise ValueError(f"{name!r} has {codes.shape[1]} codes for a grid of {table.grid}")
                codes = codes.reshape(len(codes), *table.grid)
            untrusted.whole(facts["n_samples"], f"n_samples of {name!r}", most=2**62)
            f0 = None if pitch is None or not pitch.is_valid else _pitch(pitch.values, name)
            yield UtteranceCodes(**facts, codes=codes, pitch=f0)


def _pitch(values: Any, name: str) -> np.ndarray:
    if values.null_count:
        raise ValueError(f"{name!r} has pitch without a value")
    return np.array(values.to_numpy(), np.uint8)
