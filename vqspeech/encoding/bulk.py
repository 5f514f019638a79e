"""Bulk encoding: plan parts, encode those of this process, and merge them when all are complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vqspeech.codec.chunks import ChunkEncoder
from vqspeech.codec.speech import SpeechCodec
from vqspeech.encoding.parts import Encoded, encode_part, merge, part_path, read_result
from vqspeech.encoding.places import Places, require_table
from vqspeech.encoding.plan import Shard, make_plan
from vqspeech.errors import AudioError, InputError
from vqspeech.temporary import clear_left

ENGINES = ("local", "ray")


@dataclass(frozen=True, kw_only=True)
class BulkResult:
    """The outcome of `encode_bulk`.

    Parameters
    ----------
    table : path of the merged table
    complete : whether the table exists; False while parts of other processes are missing
    encoded : contents of the whole table when it is complete, else of this process's shard
    before : number of inputs that an earlier call encoded
    """

    table: Path
    complete: bool
    encoded: Encoded
    before: int


def encode_bulk(
    codec: SpeechCodec,
    inputs: Sequence[Path],
    out: Path,
    *,
    shard: Shard | None = None,
    engine: str = "local",
    workers: int | None = None,
    rows: int | None = None,
    pitch: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> BulkResult:
    """Encode audio in parts, each once, and merge them into a table when the last is finished.

    Parameters
    ----------
    codec : the model
    inputs : audio files, folders, and prepared corpora (`vqspeech.corpora.store`)
    out : a ``.parquet`` file, with unmerged parts in ``out.parts``; or a folder of ``codes.parquet`` and ``parts``
    shard : the parts that this process encodes; None for all
    engine : ``"local"`` or ``"ray"``, see `vqspeech.encoding.ray_engine`
    workers : number of actors of the engine ray
    rows : batch size, see `vqspeech.codec.chunks.ChunkEncoder`
    pitch : whether to store F0 as well, see `vqspeech.codec.pitch_codes`
    progress : called with the numbers of finished and of all inputs of the shard

    Parts of several processes are kept, as a Parquet dataset; those of a single process are removed after merging.
    Files that are no tables of codes are neither replaced nor removed.

    Raises
    ------
    InputError : for unusable inputs or `out`, when another process encodes there, or when Ray is missing
    AudioError : when no input could be read
    OSError : when a file cannot be written; finished parts are kept
    """
    if engine not in ENGINES:
        raise InputError(f"engine {engine!r} is not known; choose {' or '.join(ENGINES)}")
    shard = shard or Shard()
    if engine == "ray" and shard.of > 1:
        raise InputError("--engine ray divides the work itself; omit --shard and torchrun")
    places = Places.of(out)
    require_table(places.table)
    rows = ChunkEncoder[int](codec.model, codec.sample_rate, rows).rows
    plan = make_plan(codec, inputs, rows, pitch=pitch)
    if (whole := read_result(places.table, plan.key)) is not None:
        return BulkResult(table=places.table, complete=True, encoded=whole, before=sum(map(len, plan.parts)))
    paths = {part.number: part_path(places.folder, part, len(plan.parts)) for part in plan.parts}
    with places.claimed(alone=shard.of == 1):
        chosen, of = plan.select(shard), len(plan.parts)
        waiting, encoded, before = [], Encoded(key=plan.key), 0
        for part in chosen:
            clear_left(paths[part.number])
            if (finished := read_result(paths[part.number], part.key)) is None:
                waiting.append(part)
            else:
                encoded, before = encoded + finished, before + len(part)
        total = sum(map(len, chosen))
        done = before

        def report(count: int = 1) -> None:
            nonlocal done
            done += count
            if progress is not None:
                progress(done, total)

        if engine == "ray":
            from vqspeech.encoding.ray_engine import encode_on_ray

            for count, result in encode_on_ray(codec, waiting, places.folder, of, rows, workers):
                encoded += result
                report(count)
        else:
            for part in waiting:
                encoded += encode_part(codec, part, paths[part.number], rows, report)
        try:
            merged = merge(places.folder, plan, places.table)
        except AudioError:
            places.remove_parts()
            raise
        if merged is not None and shard.of == 1:
            places.remove_parts()
    return BulkResult(table=places.table, complete=merged is not None, encoded=merged or encoded, before=before)
