"""The config.json of a checkpoint, which may come from a stranger: read, and checked before anything is built from it.

Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vqspeech
from vqspeech.checkpoints.directory import CHECKSUMS, CONFIG, damage
from vqspeech.errors import CheckpointError
from vqspeech.untrusted import MOST, items, json_object, printable, table, text, texts, whole

FORMAT = 1
"""Format of checkpoint directories that this release writes; newer ones are rejected."""

MOST_BYTES = 64 * 2**20
"""Size of the largest config.json that is read."""

MOST_ITEMS, MOST_DEPTH = 2**16, 32
"""Longest list and deepest nesting of a model's configuration."""


def read_facts(path: Path) -> dict[str, Any]:
    """Read the config.json of a checkpoint directory.

    Raises
    ------
    CheckpointError : when it is missing, damaged, of a newer format, or holds values of other types or out of range
    """
    try:
        facts = json_object(_content(path / CONFIG))
        version = whole(facts.get("format"), "format", 0)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not a readable checkpoint: {error}") from error
    if version > FORMAT:
        raise CheckpointError(
            f"{path} has format {version}, written by vqspeech {printable(facts.get('vqspeech'))}; this is vqspeech "
            f"{vqspeech.__version__}, which reads formats up to {FORMAT}. Upgrade: pip install -U vqspeech"
        )
    if (broken := damage(path, [CONFIG])) is not None:
        raise CheckpointError(
            f"{path}/{broken}. Take another checkpoint; after editing it on purpose, delete {CHECKSUMS}"
        )
    try:
        require_facts(facts)
    except ValueError as error:
        raise CheckpointError(f"{path}/{CONFIG} is damaged: {error}") from error
    return {"vqspeech": "unknown", "plugins": {}, **facts}


def require_facts(facts: dict[str, Any]) -> None:
    """Raise ValueError unless the values of a config.json have their types, and numbers are in range."""
    whole(facts.get("step"), "step", 0, 2**53)
    speakers = texts(facts.get("speakers"), "speakers")
    if len(set(speakers)) < len(speakers):
        raise ValueError("several speakers have the same name")
    require_values(table(facts.get("model"), "model"), "model")
    checks: dict[str, Callable[[Any, str], object]] = {
        "vqspeech": text,
        "plugins": _plugins,
        "run": _run,
        "corpus": _corpus,
        "data": text,
        "speaker_notes": _table_of_texts,
        "heard_speakers": texts,
        "decoder_path": text,
        "codes": _source_of_codes,
        "codes_from": _model_of_codes,
        "added_voices": lambda value, name: [table(one, name) for one in items(value, name)],
        "weights": table,
    }
    for name, check in checks.items():
        # Older releases wrote null for what they did not know.
        if facts.get(name) is not None:
            check(facts[name], name)
    if facts.get("plugins", {}) is None:
        raise ValueError("plugins is None, not an object")


def require_values(value: Any, name: str, depth: int = 0) -> None:
    """Raise ValueError for numbers out of range, endless lists and bottomless nesting anywhere below a value."""
    if depth > MOST_DEPTH:
        raise ValueError(f"{name} is nested too deeply")
    if isinstance(value, dict):
        for key, one in value.items():
            require_values(one, f"{name}.{printable(key)}" if depth < 4 else name, depth + 1)
    elif isinstance(value, list):
        if len(value) > MOST_ITEMS:
            raise ValueError(f"{name} has {len(value)} items; at most {MOST_ITEMS}")
        for number, one in enumerate(value):
            require_values(one, f"{name}[{number}]" if depth < 4 else name, depth + 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}, not a finite number")
    elif isinstance(value, int):
        whole(int(value), name, -MOST, MOST)
    elif value is not None:
        text(value, name)


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise ValueError(f"{path.name} is not a file" if path.exists() else f"it has no {path.name}")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path.name} has more than {MOST_BYTES} bytes")
    return content


def _plugins(value: Any, name: str) -> None:
    for kind, origin in table(value, name).items():
        about = table(origin, f"{name}.{printable(kind)}")
        for key in ("name", "distribution", "version"):
            text(about.get(key), f"{name}.{printable(kind)}.{key}")


def _run(value: Any, name: str) -> None:
    for key, one in table(value, name).items():
        if key in ("corpus", "model", "train"):
            table(one, f"{name}.{key}")


def _corpus(value: Any, name: str) -> None:
    for key, one in table(value, name).items():
        if key in ("name", "variant") and one is not None:
            text(one, f"{name}.{key}")


def _table_of_texts(value: Any, name: str) -> None:
    for key, one in table(value, name).items():
        if one is not None:
            text(one, f"{name}.{printable(key)}")


def _model_of_codes(value: Any, name: str) -> None:
    for key in ("model", "codebook"):
        text(table(value, name).get(key), f"{name}.{key}")


def _source_of_codes(value: Any, name: str) -> None:
    about = table(value, name)
    _table_of_texts(about.get("source"), f"{name}.source")
    for key in ("run", "codebook"):
        text(about["source"].get(key), f"{name}.source.{key}")
    require_values(table(about.get("space"), f"{name}.space"), f"{name}.space")
    for key in ("sample_rate", "hop_samples"):
        whole(about.get(key), f"{name}.{key}")
    for key in ("levels", "conditions"):
        texts(about.get(key), f"{name}.{key}")
