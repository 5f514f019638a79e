"""Fills the folder of an audio store (`vqspeech.corpora.store`): decodes in order with bounded memory, writes samples, manifest and header."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech import audio
from vqspeech.corpora.base import Corpus, Utterance
from vqspeech.errors import AudioError, CorpusError

FORMAT_VERSION = 1
"""Of the files in the folder; a reader refuses newer ones."""

_SILENT_PEAK = 1
"""Peak in int16 steps up to which a file counts as silence (dither)."""


@dataclass(frozen=True)
class _Decoded:
    pcm: npt.NDArray[np.int16]
    offset_s: float


def fill(
    folder: Path,
    corpus: Corpus,
    sample_rate: int,
    workers: int,
    trim_db: float | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Write ``audio.i16``, ``manifest.jsonl`` and ``store.json`` into an empty folder; arguments as in `vqspeech.corpora.store.prepare`.

    Raises
    ------
    CorpusError : not one usable utterance
    OSError : a full disk, for example
    """
    skipped = dict(corpus.skipped)
    checksum, content = hashlib.sha256(), hashlib.sha256(f"{sample_rate}".encode())
    position, lines = 0, []
    with (folder / "audio.i16").open("wb") as out:
        for done, (utterance, decoded) in enumerate(
            _decode_all(corpus.utterances, sample_rate, workers, trim_db), start=1
        ):
            if isinstance(decoded, str):
                skipped[str(utterance.path)] = decoded
            else:
                raw = decoded.pcm.astype("<i2", copy=False).tobytes()
                out.write(raw)
                checksum.update(raw)
                row = _manifest_row(utterance, decoded, position, sample_rate)
                lines.append(json.dumps(row, ensure_ascii=False) + "\n")
                content.update(json.dumps({key: value for key, value in row.items() if key != "path"}).encode())
                position += len(decoded.pcm)
            if progress is not None:
                progress(done, len(corpus.utterances))
    if not lines:
        first = next(iter(skipped.items()), None)
        reason = f"; the first problem: {first[0]}: {first[1]}" if first else ""
        raise CorpusError(f"nothing in {corpus.root} can be used: {len(skipped)} files were skipped{reason}")
    manifest = "".join(lines).encode("utf-8")
    (folder / "manifest.jsonl").write_bytes(manifest)
    content.update(checksum.digest())
    header = {
        "format_version": FORMAT_VERSION,
        "sample_rate": sample_rate,
        "utterances": len(lines),
        "samples": position,
        "audio_sha256": checksum.hexdigest(),
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        "fingerprint": content.hexdigest(),
        "trim_db": trim_db,
        "corpus": {
            "name": corpus.name,
            "root": str(corpus.root),
            "variant": corpus.variant,
            "synthetic": corpus.synthetic,
            "notes": list(corpus.notes),
            "skipped": skipped,
        },
    }
    (folder / "store.json").write_text(json.dumps(header, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _decode_all(
    utterances: tuple[Utterance, ...], sample_rate: int, workers: int, trim_db: float | None
) -> Iterator[tuple[Utterance, _Decoded | str]]:
    """Decode in order with a few files in flight per worker, so that memory stays bounded."""
    waiting: deque[tuple[Utterance, Future[_Decoded | str]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for utterance in utterances:
                waiting.append((utterance, pool.submit(_decode, utterance.path, sample_rate, trim_db)))
                if len(waiting) >= 4 * workers:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _decode(path: Path, sample_rate: int, trim_db: float | None) -> _Decoded | str:
    """The samples, or the reason why there are none."""
    try:
        samples = audio.read(path, sample_rate)
    except AudioError as error:
        return str(error).removeprefix(f"{path}: ")
    if int(np.abs(audio.to_int16(samples).astype(np.int32)).max()) <= _SILENT_PEAK:
        return "holds only silence"
    offset_s = 0.0
    if trim_db is not None:
        trimmed = audio.trim_silence(samples, trim_db)
        samples, offset_s = trimmed.samples, trimmed.offset_samples / sample_rate
    return _Decoded(audio.to_int16(samples), offset_s)


def _manifest_row(utterance: Utterance, decoded: _Decoded, position: int, sample_rate: int) -> dict[str, Any]:
    phones = None
    if utterance.alignment is not None:
        end_s = len(decoded.pcm) / sample_rate
        shifted = (
            (max(phone.start_s - decoded.offset_s, 0.0), min(phone.end_s - decoded.offset_s, end_s), phone.label)
            for phone in utterance.alignment.phones
        )
        phones = [[round(start, 6), round(end, 6), label] for start, end, label in shifted if end > start]
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
