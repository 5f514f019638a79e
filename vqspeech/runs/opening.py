"""Run directories belong to one configuration: the first command sets, later ones check it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vqspeech.config import RunConfig, differences, merge, plain
from vqspeech.errors import CheckpointError, InputError, VQSpeechError
from vqspeech.files import write_json
from vqspeech.modality import checked
from vqspeech.runs.directory import RunDirectory
from vqspeech.temporary import clear_left

FREE_KEYS = frozenset(
    f"train.{name}"
    for name in ("log_every", "validate_every", "validation_batches", "checkpoint_every", "keep_last", "tensorboard",
                 "accelerator", "devices", "nodes", "accumulate", "compile",
                 "cuda_graph")
) | {"model.codes_from"}  # fmt: skip
"""Keys that may change when a run continues: what is logged and kept, how a batch is divided and computed.

The model of ``codes_from`` may be moved; that its codes are the same is checked by their fingerprint."""


def open_run(run: Path, config: RunConfig, *, fresh: bool = False) -> None:
    """Make `run` the directory of a configuration, or check that it is.

    A run that has no checkpoint yet is not bound to its configuration: another one replaces it, and the data are
    prepared again where they may depend on the difference.

    Parameters
    ----------
    run : the run directory
    config : checked
    fresh : delete what vqspeech made in an earlier run; other files stay

    Raises
    ------
    InputError : when it is a file, or a directory that holds something else
    CheckpointError : when it was trained with another configuration; names the keys that differ
    """
    directory = RunDirectory(run)
    if run.exists() and not run.is_dir():
        raise InputError(f"{run} is a file; --out needs a directory")
    if not (_is_run(directory) or directory.is_empty()):
        raise InputError(f"{run} holds files but no run of vqspeech; give an empty or a new directory as --out")
    for left in directory.leftovers:
        if left.name == "config.json.part":
            left.unlink()
    for path in directory.contents:
        # The half-made store is continued.
        if path != directory.store:
            clear_left(path)
    if fresh:
        directory.clear()
    if directory.config.exists():
        _check_same(directory, config)
    write_json(directory.config, plain(config))


def _is_run(directory: RunDirectory) -> bool:
    """Return whether a directory holds a run, not another program's config.json or a checkpoint."""
    try:
        values = json.loads(directory.config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        values = None
    if not isinstance(values, dict):
        # A damaged file beside what only a run has.
        checkpoints = [path / "checksums.json" for path in directory.list_checkpoints()]
        stores = [directory.store / name for name in ("store.json", "rows.json")]
        return any(path.is_file() for path in (*checkpoints, *stores))
    if "format" in values:
        return False
    tables = [values.get(name) for name in ("corpus", "model", "train")]
    if not all(isinstance(table, dict) for table in tables):
        return False
    return "name" in values["corpus"] and "steps" in values["train"]


def _check_same(directory: RunDirectory, config: RunConfig) -> None:
    """Check the configuration of a trained run; clear an untrained run of another one."""
    try:
        changed = _changed_keys(directory.config, config)
    except CheckpointError:
        if directory.is_trained():
            raise
        directory.clear()
        return
    if not changed:
        return
    if directory.is_trained():
        raise CheckpointError(
            f"{directory.path} was made with another configuration: {'; '.join(changed)}. "
            "Give another --out, undo the change, or start over with --fresh"
        )
    keys = [line.partition(":")[0] for line in changed]
    directory.clear(store=not all(key == "seed" or key.startswith("train.") for key in keys))


def _changed_keys(path: Path, config: RunConfig) -> list[str]:
    """Return the keys that differ from a configuration on disk, each as ``key: old -> new``."""
    try:
        stored = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path} is damaged: {error}; start over with --fresh, or use another directory"
        ) from error
    lines = differences(_completed(stored), _completed(plain(config)))
    return [line for line in lines if line.partition(":")[0] not in FREE_KEYS]


def _completed(values: dict[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of keys that did not exist when a configuration was written."""
    try:
        return plain(checked(values))
    except VQSpeechError:
        # It has keys that no longer exist, or names a plugin that is not installed: those are differences to report.
        return merge(plain(RunConfig()), values)
