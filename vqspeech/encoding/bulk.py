"""Bulk encoding: plan, encode this process's share of the parts, and merge when all are there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vqspeech.codec.chunks import ChunkEncoder
from vqspeech.codec.speech import SpeechCodec
from vqspeech.encoding.parts import Encoded, encode_part, merge, part_path, said_of
from vqspeech.encoding.plan import Share, make_plan
from vqspeech.errors import AudioError, InputError

ENGINES = ("local", "ray")


@dataclass(frozen=True, kw_only=True)
class BulkResult:
    """What `encode_bulk` did.

    Parameters
    ----------
    table : the table of all parts
    complete : whether it is there; False while parts of other processes are missing
    encoded : of the whole table when it is complete, else of this process's share
    before : inputs that were encoded before
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
    share: Share | None = None,
    engine: str = "local",
    workers: int | None = None,
    rows: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BulkResult:
    """Encode audio in parts that are never encoded twice, and merge them into one table when the last is finished.

    Parameters
    ----------
    codec : the model
    inputs : audio files, folders, and prepared corpora (`vqspeech.corpora.store`)
    out : a ``.parquet`` file, with its parts in ``out.parts`` meanwhile; or a folder of ``codes.parquet`` and ``parts``
    share : of this process; None for all parts
    engine : ``"local"`` or ``"ray"``, see `vqspeech.encoding.ray_engine`
    workers : actors of the engine ray
    rows : of a batch, see `vqspeech.codec.chunks.ChunkEncoder`
    progress : called with (done, all) inputs of the share

    Parts of several processes stay (they are a Parquet dataset); those of a single one are removed once merged.

    Raises
    ------
    InputError : inputs or out that cannot be used, or Ray is missing
    AudioError : when no input could be read
    OSError : what cannot be written; finished parts are kept
    """
    if engine not in ENGINES:
        raise InputError(f"engine {engine!r} is not known; choose {' or '.join(ENGINES)}")
    share = share or Share()
    if engine == "ray" and share.of > 1:
        raise InputError("--engine ray divides the work itself; leave out --shard and torchrun")
    table, folder = _places(out)
    rows = ChunkEncoder[int](codec.model, codec.sample_rate, rows).rows
    plan = make_plan(codec, inputs, rows)
    if (whole := said_of(table, plan.key)) is not None:
        return BulkResult(table=table, complete=True, encoded=whole, before=sum(map(len, plan.parts)))
    chosen, of = plan.share(share), len(plan.parts)
    waiting, mine, before = [], Encoded(key=plan.key), 0
    for part in chosen:
        if (finished := said_of(part_path(folder, part, of), part.key)) is None:
            waiting.append(part)
        else:
            mine, before = mine + finished, before + len(part)
    total = sum(map(len, chosen))
    done = before

    def said(count: int = 1) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    if engine == "ray":
        from vqspeech.encoding.ray_engine import encode_on_ray

        for count, result in encode_on_ray(codec, waiting, folder, of, rows, workers):
            mine += result
            said(count)
    else:
        for part in waiting:
            mine += encode_part(codec, part, part_path(folder, part, of), rows, said)
    try:
        merged = merge(folder, plan, table)
    except AudioError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if merged is not None and share.of == 1:
        shutil.rmtree(folder, ignore_errors=True)
    return BulkResult(table=table, complete=merged is not None, encoded=merged or mine, before=before)


def _places(out: Path) -> tuple[Path, Path]:
    """The table and the folder of its parts."""
    if out.suffix == ".parquet":
        if out.is_dir():
            raise InputError(f"{out} is a folder; give another name as --out")
        return out, out.with_name(f"{out.name}.parts")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; --out takes the name of a .parquet file, or a folder")
    return out / "codes.parquet", out / "parts"
