"""Parts of a table of codes: Parquet files, written atomically and merged into one table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech import audio
from vqspeech.audio.pitch import track
from vqspeech.codec.pitch_codes import pitch_bits, quantize_pitch
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import UtteranceCodes
from vqspeech.corpora.store import AudioStore
from vqspeech.encoding.plan import Plan, TablePart
from vqspeech.encoding.tables import stored_codes, table_of
from vqspeech.errors import AudioError, CheckpointError
from vqspeech.files import whole_file
from vqspeech.untrusted import json_object

_NOTE = b"vqspeech.encode"
"""Key of an `Encoded` in the Parquet metadata of parts and merged tables."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Contents of a part or of a whole table.

    Parameters
    ----------
    key : key of its `TablePart` or `Plan`
    utterances : number of rows
    seconds : duration of the audio
    skipped : path of each unreadable input -> reason
    pitch_bits : bits of F0, see `vqspeech.codec.pitch_codes.pitch_bits`; counted for each part by itself
    """

    key: str
    utterances: int = 0
    seconds: float = 0.0
    skipped: Mapping[str, str] = field(default_factory=dict)
    pitch_bits: float = 0.0

    def __add__(self, other: Encoded) -> Encoded:
        return Encoded(
            key=self.key,
            utterances=self.utterances + other.utterances,
            seconds=self.seconds + other.seconds,
            skipped={**self.skipped, **other.skipped},
            pitch_bits=self.pitch_bits + other.pitch_bits,
        )


def part_path(folder: Path, part: TablePart, parts: int) -> Path:
    """Return the path of a part's file; `parts` is the number of all parts."""
    return folder / f"part-{part.number:05}-of-{parts:05}.parquet"


def read_result(path: Path, key: str) -> Encoded | None:
    """Read the contents of a finished part or table; None when missing, damaged or of another key."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from vqspeech.codes_parquet import verify

    try:
        verify(path)
        note = Encoded(**json_object((pq.read_schema(path).metadata or {})[_NOTE]))
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None
    return note if note.key == key else None


def encode_part(
    codec: SpeechCodec, part: TablePart, path: Path, rows: int, report: Callable[[], None] | None = None
) -> Encoded:
    """Encode a part into a file, unless the file is complete; return its contents.

    Parameters
    ----------
    path : file of the part, see `part_path`
    rows : batch size
    report : called after each utterance

    Raises
    ------
    OSError : when the file cannot be written; an incomplete file is removed
    CheckpointError : for a prepared corpus that was replaced after the plan was made
    """
    if (before := read_result(path, part.key)) is not None:
        return before
    skipped: dict[str, str] = {}
    contours: dict[int, npt.NDArray[np.uint8]] = {}

    def measured(place: int, waveform: npt.NDArray[np.float32]) -> tuple[int, npt.NDArray[np.float32]]:
        if part.pitch:
            contours[place] = quantize_pitch(track(waveform, codec.sample_rate))
        return place, waveform

    def waveforms() -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        for place in range(len(part)):
            if part.store is not None:
                yield measured(place, _open_store(part.store, part.fingerprint).waveform(part.first + place))
            else:
                try:
                    yield measured(place, audio.read(part.files[place][0], codec.sample_rate))
                except AudioError as error:
                    skipped[audio.shown_path(part.files[place][0])] = str(error)
            if report is not None:
                report()

    rows_by_place: dict[int, UtteranceCodes] = {}
    for place, n_samples, codes in codec.encode_all(waveforms(), rows):
        if part.store is not None:
            row = _open_store(part.store, part.fingerprint).rows[part.first + place]
            stored = stored_codes(row, n_samples, codes, contours.get(place))
            rows_by_place[place] = replace(stored, id=part.renamed.get(part.first + place, stored.id))
        else:
            file, name = part.files[place]
            rows_by_place[place] = UtteranceCodes(
                id=name,
                speaker="",
                split="",
                path=audio.shown_path(file),
                n_samples=n_samples,
                codes=codes,
                pitch=contours.get(place),
            )
    table = table_of(codec, [rows_by_place[place] for place in sorted(rows_by_place)])
    seconds = sum(row.n_samples for row in table) / table.sample_rate
    bits = pitch_bits(row.pitch for row in table if row.pitch is not None)
    result = Encoded(key=part.key, utterances=len(table), seconds=seconds, skipped=skipped, pitch_bits=bits)
    table.write(path, {_NOTE.decode(): json.dumps(asdict(result))})
    return result


def merge(folder: Path, plan: Plan, table: Path) -> Encoded | None:
    """Merge all parts into one table, atomically; return its contents, None while parts are missing.

    One part at a time is in memory.

    Raises
    ------
    AudioError : when no input of any part could be read
    OSError : when the table cannot be written; an earlier one is kept
    """
    import pyarrow.parquet as pq

    from vqspeech.codes_parquet import seal

    paths = [part_path(folder, part, len(plan.parts)) for part in plan.parts]
    total = Encoded(key=plan.key)
    for part, path in zip(plan.parts, paths, strict=True):
        contents = read_result(path, part.key)
        if contents is None:
            return None
        total += contents
    if not total.utterances:
        first = next(iter(total.skipped.values()))
        raise AudioError(f"none of {len(total.skipped)} files could be read; the first: {first}")
    schema = pq.read_schema(paths[0])
    metadata: dict[Any, Any] = {**schema.metadata, _NOTE: json.dumps(asdict(total))}
    with whole_file(table) as partial:
        with pq.ParquetWriter(partial, schema.with_metadata(metadata)) as writer:
            for path in paths:
                rows = pq.read_table(path).replace_schema_metadata(metadata)
                if len(rows):
                    writer.write_table(rows)
        seal(partial)
    return total


@lru_cache(4)
def _open_store(path: Path, fingerprint: str) -> AudioStore:
    store = AudioStore.open(path)
    if store.fingerprint != fingerprint:
        raise CheckpointError(f"{path} was replaced while it was encoded; run the same command again")
    return store
