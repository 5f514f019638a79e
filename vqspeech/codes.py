"""Tables of codes: what `vqspeech encode` writes and every analysis reads (Parquet, one row per utterance)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech.errors import InputError
from vqspeech.files import whole_file

COLUMNS = ["id", "speaker", "split", "path", "n_samples", "codes"]
"""Of a table's Parquet file."""


@dataclass(frozen=True, kw_only=True)
class UtteranceCodes:
    """The codes of one utterance.

    Parameters
    ----------
    id, speaker, split : as in the corpus; speaker and split may be empty for loose files
    path : the audio file that was encoded
    n_samples : its length in samples at the table's rate
    codes : (codebooks, frames) int64; code t covers samples [t * hop_samples, (t + 1) * hop_samples)
    """

    id: str
    speaker: str
    split: str
    path: str
    n_samples: int
    codes: np.ndarray


@dataclass(frozen=True, kw_only=True)
class CodeTable:
    """Codes of many utterances from one model.

    Parameters
    ----------
    sample_rate : of the audio that was encoded, in Hz
    hop_samples : samples per code
    codebook_sizes : number of codes in each codebook
    rows : one per utterance
    """

    sample_rate: int
    hop_samples: int
    codebook_sizes: tuple[int, ...]
    rows: tuple[UtteranceCodes, ...]

    @property
    def frame_rate_hz(self) -> float:
        """Codes per second and codebook."""
        return self.sample_rate / self.hop_samples

    def __iter__(self) -> Iterator[UtteranceCodes]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def write(self, path: Path, notes: Mapping[str, str] | None = None) -> None:
        """Write the table as Parquet, whole or not at all; notes go to the file's metadata."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {name: [getattr(row, name) for row in self.rows] for name in ("id", "speaker", "split", "path")}
        table = pa.table(
            {
                **{name: pa.array(values, pa.string()) for name, values in columns.items()},
                "n_samples": pa.array([row.n_samples for row in self.rows], pa.int64()),
                "codes": _nested([row.codes for row in self.rows]),
            }
        )
        facts = {
            "sample_rate": self.sample_rate,
            "hop_samples": self.hop_samples,
            "codebook_sizes": self.codebook_sizes,
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
            read = cls(
                sample_rate=facts["sample_rate"],
                hop_samples=facts["hop_samples"],
                codebook_sizes=tuple(facts["codebook_sizes"]),
                rows=tuple(
                    UtteranceCodes(**{**row, "codes": np.asarray(row["codes"], dtype=np.int64)})
                    for row in table.select(COLUMNS).to_pylist()
                ),
            )
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path} is not a table of codes ({error}); `vqspeech encode RUN AUDIO --out {path}` writes one"
            ) from error
        return read


def _nested(codes: Sequence[np.ndarray]) -> Any:
    """Arrow list<list<int32>> of (codebooks, frames) arrays, without a Python object per code."""
    import pyarrow as pa

    def offsets(sizes: list[int]) -> Any:
        return pa.array(np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]), pa.int32())

    books = [book for item in codes for book in item]
    flat = np.concatenate(books).astype(np.int32) if books else np.zeros(0, np.int32)
    inner = pa.ListArray.from_arrays(offsets([len(book) for book in books]), pa.array(flat))
    return pa.ListArray.from_arrays(offsets([len(item) for item in codes]), inner)
