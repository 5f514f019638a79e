"""The prepared data of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vqspeech.config import RunConfig
from vqspeech.errors import CheckpointError, InputError
from vqspeech.modality import modality
from vqspeech.progress import reporter
from vqspeech.runs.directory import RunDirectory
from vqspeech.runs.made import remove_made


def prepare(config: RunConfig, run: Path, data_dir: Path | None) -> Any:
    """Open the store of a run, and make it first when it is missing.

    Parameters
    ----------
    config : checked configuration of the run
    run : the run directory
    data_dir : folder of the corpus; None for a corpus that needs none, or a store that is there

    Returns
    -------
    The store of the configuration's modality

    Raises
    ------
    CheckpointError : when a trained run has a store of another folder
    InputError : when training would need a package that is not installed
    """
    if config.train.tensorboard and find_spec("tensorboard") is None:
        raise InputError(
            "train.tensorboard needs a package that is not installed: pip install 'vqspeech[tensorboard]', or omit it"
        )
    directory, kind = RunDirectory(run), modality(config)
    _restore(directory.store)
    if not directory.store.exists():
        return kind.prepare(config, data_dir, directory.store, reporter("prepare"))
    store = kind.open(directory.store)
    root = store.corpus.root
    given = root if data_dir is None else data_dir.expanduser().absolute()
    # One folder has several names where there are links.
    real, other = Path(os.path.realpath(root)), Path(os.path.realpath(given))
    if other == real or other in real.parents or real in other.parents:
        if complete := getattr(kind, "complete", None):
            complete(config, store, reporter("prepare"))
        return store
    if directory.is_trained():
        raise CheckpointError(
            f"{run} holds data of {root}, not of {given}; give another --out, or start over with --fresh"
        )
    with _replaced(directory.store):
        return kind.prepare(config, data_dir, directory.store, reporter("prepare"))


@contextmanager
def _replaced(store: Path) -> Iterator[None]:
    """Set a store aside for the block; it comes back when the block fails."""
    backup = _backup(store)
    store.rename(backup)
    try:
        yield
    finally:
        _restore(store)


def _restore(store: Path) -> None:
    """Bring back a store that was set aside and not replaced; delete one that was, but for files of others."""
    backup = _backup(store)
    if backup.exists() and not store.exists():
        backup.rename(store)
    remove_made(backup, store.name)


def _backup(store: Path) -> Path:
    return store.with_name(f".{store.name}.old")
