"""Write an audio store: shards in parallel processes, then index and header."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pyarrow as pa

from vqspeech.corpora.base import Corpus
from vqspeech.corpora.selection import count_and_name
from vqspeech.corpora.store_index import read_batch, write_index
from vqspeech.corpora.store_shard import FORMAT_VERSION, ShardTask, file_sha256, make_shard, plan_shards
from vqspeech.corpora.workers import worker_pool
from vqspeech.errors import CorpusError, VQSpeechError

Progress = Callable[[int, int], None]


def fill(
    folder: Path,
    corpus: Corpus,
    sample_rate: int,
    workers: int,
    trim_db: float | None,
    progress: Progress | None,
) -> None:
    """Write shards, ``index.arrow`` and ``store.json``; keep finished shards of earlier calls.

    Parameters
    ----------
    folder : folder of the store; finished shards are verified and kept, other files are removed
    corpus, sample_rate, workers, trim_db, progress : as in `vqspeech.corpora.store.prepare`

    Raises
    ------
    CorpusError : no usable utterance
    VQSpeechError : a decoding process died
    OSError : a full disk, for example
    """
    shards = plan_shards(corpus.utterances)

    def task(number: int) -> ShardTask:
        utterances = tuple(corpus.utterances[place] for place in shards[number])
        return ShardTask(folder=folder, number=number, utterances=utterances, sample_rate=sample_rate, trim_db=trim_db)

    _make_shards(task, shards, min(workers, len(shards)), progress)
    _remove_others(folder, len(shards))
    _describe(folder, corpus, sample_rate, trim_db, len(shards))


def _make_shards(
    task: Callable[[int], ShardTask], shards: Sequence[range], workers: int, progress: Progress | None
) -> None:
    total, done = sum(map(len, shards)), 0
    if workers <= 1:
        for number, places in enumerate(shards):

            def report_shard(count: int, before: int = places.start) -> None:
                if progress is not None:
                    progress(before + count, total)

            make_shard(task(number), report_shard)
        return

    def take(waiting: deque[Future[int]]) -> None:
        nonlocal done
        done += waiting.popleft().result()
        if progress is not None:
            progress(done, total)

    with worker_pool(workers) as pool:
        try:
            waiting: deque[Future[int]] = deque()
            for number in range(len(shards)):
                waiting.append(pool.submit(make_shard, task(number)))
                if len(waiting) >= 2 * workers:
                    take(waiting)
            while waiting:
                take(waiting)
        except BrokenProcessPool as error:
            raise VQSpeechError(
                "a decoding process died: out of memory, killed, or started by a script without "
                "`if __name__ == '__main__':` (workers=1 needs none). Finished shards are kept; repeat the command"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _remove_others(folder: Path, shards: int) -> None:
    """Remove shards of an earlier plan and files of killed processes."""
    for path in (*(folder / "shards").iterdir(), *(folder / "rows").iterdir()):
        if path.suffix == ".tmp" or int(path.stem) >= shards:
            path.unlink()


def _describe(folder: Path, corpus: Corpus, sample_rate: int, trim_db: float | None, shards: int) -> None:
    """Merge the shards' rows into ``index.arrow``, one shard at a time; write ``store.json``."""
    beyond: dict[str, list[int]] = {}
    skipped, speakers, content = dict(corpus.skipped), set(), hashlib.sha256(f"{sample_rate}".encode())
    kept: list[dict[str, Any]] = []
    for number in range(shards):
        facts = json.loads((folder / "rows" / f"{number:05}.json").read_text(encoding="utf-8"))
        skipped.update(facts["skipped"])
        beyond.update(facts.get("beyond_full_scale", {}))
        speakers.update(facts["speakers"])
        content.update(f"{facts['content_sha256']}{facts['audio_sha256']}".encode())
        kept.append({name: facts[name] for name in ("utterances", "samples", "audio_sha256")})
    if not any(facts["utterances"] for facts in kept):
        first = next(iter(skipped.items()), None)
        reason = f"; the first problem: {first[0]}: {first[1]}" if first else ""
        raise CorpusError(f"nothing in {corpus.root} can be used: {len(skipped)} files were skipped{reason}")

    def rows() -> Iterator[pa.RecordBatch]:
        for number in range(shards):
            yield read_batch(folder / "rows" / f"{number:05}.arrow")

    write_index(folder / "index.arrow", rows())
    header = {
        "format_version": FORMAT_VERSION,
        "sample_rate": sample_rate,
        "utterances": sum(facts["utterances"] for facts in kept),
        "samples": sum(facts["samples"] for facts in kept),
        "index_sha256": file_sha256(folder / "index.arrow"),
        "fingerprint": content.hexdigest(),
        "trim_db": trim_db,
        "speakers": sorted(speakers),
        "corpus": {
            "name": corpus.name,
            "root": str(corpus.root),
            "variant": corpus.variant,
            "synthetic": corpus.synthetic,
            "notes": [*corpus.notes, *_of_full_scale(beyond)],
            "skipped": skipped,
        },
        "shards": kept,
    }
    (folder / "store.json").write_text(json.dumps(header, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _of_full_scale(beyond: Mapping[str, Sequence[int]]) -> list[str]:
    """Return a note about samples beyond full scale: utterance -> those, and all samples of the file."""
    if not beyond:
        return []
    named = count_and_name([f"{key} ({count} of {samples} samples)" for key, (count, samples) in beyond.items()])
    return [f"Recordings with samples beyond full scale, which were limited to it, {named}."]
