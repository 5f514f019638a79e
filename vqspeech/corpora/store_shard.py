"""Shards of an audio store, each written by one process, with rows and checksums.

The ``.json`` of a shard is written last and marks it as finished; every file is written under a temporary name and
renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech import audio
from vqspeech.audio.full_scale import FullScale
from vqspeech.corpora.base import Utterance
from vqspeech.errors import AudioError
from vqspeech.files import whole_file

FORMAT_VERSION = 2
"""Format of audio stores; readers refuse others."""

UTTERANCES_PER_SHARD = 1000
SECONDS_PER_SHARD = 3600.0
"""Limits of a shard: about 115 MB at 16 kHz, unless one recording is longer."""

_SILENT_PEAK = 1
"""Files with at most this peak, in int16 steps, count as silence (dither)."""


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """Everything that a process needs to write a shard.

    Parameters
    ----------
    folder : folder of the unfinished store
    number : number of the shard
    utterances : utterances to decode, in this order
    sample_rate, trim_db : as in `vqspeech.corpora.store.prepare`
    """

    folder: Path
    number: int
    utterances: tuple[Utterance, ...]
    sample_rate: int
    trim_db: float | None

    @property
    def audio(self) -> Path:
        """The file of samples."""
        return shard_path(self.folder, self.number)

    @property
    def rows(self) -> Path:
        """The file of index rows."""
        return self.folder / "rows" / f"{self.number:05}.arrow"

    @property
    def facts(self) -> Path:
        """The file of counts, checksums and skipped files."""
        return self.folder / "rows" / f"{self.number:05}.json"


@dataclass(frozen=True)
class _Decoded:
    pcm: npt.NDArray[np.int16]
    offset_s: float
    full_scale: FullScale


def shard_path(folder: Path, number: int) -> Path:
    """Return the path of a shard's samples in a store."""
    return folder / "shards" / f"{number:05}.i16"


def plan_shards(utterances: Sequence[Utterance]) -> list[range]:
    """Divide utterances among shards, by their number and lengths only."""
    shards, first, seconds = [], 0, 0.0
    for place, utterance in enumerate(utterances):
        seconds += utterance.duration_s
        if place + 1 - first >= UTTERANCES_PER_SHARD or seconds >= SECONDS_PER_SHARD:
            shards.append(range(first, place + 1))
            first, seconds = place + 1, 0.0
    if first < len(utterances):
        shards.append(range(first, len(utterances)))
    return shards


def make_shard(task: ShardTask, report: Callable[[int], None] | None = None) -> int:
    """Write a shard, unless it is finished and intact; return its number of utterances.

    Parameters
    ----------
    said : called with the number of utterances done

    Raises
    ------
    OSError : a full disk, for example; no partial file remains
    """
    key = _key(task)
    if not _is_finished(task, key):
        _write(task, key, report)
    elif report is not None:
        report(len(task.utterances))
    return len(task.utterances)


def file_sha256(path: Path) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(task: ShardTask, key: str, report: Callable[[int], None] | None) -> None:
    import pyarrow as pa

    from vqspeech.corpora.store_index import SCHEMA, write_index

    skipped: dict[str, str] = {}
    beyond: dict[str, list[int]] = {}
    checksum, content = hashlib.sha256(), hashlib.sha256()
    position, rows = 0, []
    with whole_file(task.audio) as partial, partial.open("wb") as out:
        for done, utterance in enumerate(task.utterances, start=1):
            decoded = _decode(utterance.path, task.sample_rate, task.trim_db)
            if isinstance(decoded, str):
                skipped[audio.shown_path(utterance.path)] = decoded
            else:
                raw = decoded.pcm.astype("<i2", copy=False).tobytes()
                out.write(raw)
                checksum.update(raw)
                row = _row(utterance, decoded, position, task.sample_rate)
                content.update(json.dumps({name: row[name] for name in row if name != "path"}).encode())
                rows.append(row)
                if decoded.full_scale.beyond:
                    beyond[utterance.id] = [decoded.full_scale.beyond, decoded.full_scale.samples]
                position += len(decoded.pcm)
            if report is not None:
                report(done)
        out.flush()
        os.fsync(out.fileno())
    with whole_file(task.rows) as partial:
        write_index(partial, [pa.RecordBatch.from_pylist(rows, SCHEMA)])
    facts = {
        "key": key,
        "utterances": len(rows),
        "samples": position,
        "audio_sha256": checksum.hexdigest(),
        "rows_sha256": file_sha256(task.rows),
        "content_sha256": content.hexdigest(),
        "speakers": sorted({row["speaker"] for row in rows}),
        "skipped": skipped,
        "beyond_full_scale": beyond,
    }
    with whole_file(task.facts) as partial:
        partial.write_text(json.dumps(facts) + "\n", encoding="utf-8")


def _key(task: ShardTask) -> str:
    """Hash everything that the shard's content depends on; for files, size and modification time."""
    digest = hashlib.sha256(json.dumps([FORMAT_VERSION, task.sample_rate, task.trim_db]).encode())
    for utterance in task.utterances:
        try:
            state = utterance.path.stat()
            file = [state.st_size, state.st_mtime_ns]
        except OSError:
            file = []
        phones = None
        if utterance.alignment is not None:
            phones = [[phone.start_s, phone.end_s, phone.label] for phone in utterance.alignment.phones]
        row = [utterance.id, str(utterance.path), utterance.speaker, utterance.text, utterance.split, phones, file]
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()


def _is_finished(task: ShardTask, key: str) -> bool:
    try:
        facts = json.loads(task.facts.read_text(encoding="utf-8"))
        return (
            facts["key"] == key
            and facts["audio_sha256"] == file_sha256(task.audio)
            and facts["rows_sha256"] == file_sha256(task.rows)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _decode(path: Path, sample_rate: int, trim_db: float | None) -> _Decoded | str:
    """Return the samples, or the reason for skipping the file."""
    try:
        found = audio.counted(path, sample_rate)
    except AudioError as error:
        return str(error).removeprefix(f"{audio.shown_path(path)}: ")
    samples = found.samples
    if int(np.abs(audio.to_int16(samples).astype(np.int32)).max()) <= _SILENT_PEAK:
        return "holds only silence"
    offset_s = 0.0
    if trim_db is not None:
        trimmed = audio.trim_silence(samples, trim_db)
        samples, offset_s = trimmed.samples, trimmed.offset_samples / sample_rate
    return _Decoded(audio.to_int16(samples), offset_s, found.full_scale)


def _row(utterance: Utterance, decoded: _Decoded, position: int, sample_rate: int) -> dict[str, Any]:
    phones = None
    if utterance.alignment is not None:
        end_s = len(decoded.pcm) / sample_rate
        shifted = (
            (max(phone.start_s - decoded.offset_s, 0.0), min(phone.end_s - decoded.offset_s, end_s), phone.label)
            for phone in utterance.alignment.phones
        )
        phones = [
            {"start_s": round(start, 6), "end_s": round(end, 6), "label": label}
            for start, end, label in shifted
            if end > start
        ]
    return {
        "id": utterance.id,
        "path": str(utterance.path),
        "speaker": utterance.speaker,
        "text": utterance.text,
        "split": utterance.split,
        "start_sample": position,
        "n_samples": len(decoded.pcm),
        "phones": phones,
    }
