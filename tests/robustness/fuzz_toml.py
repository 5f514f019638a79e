"""Configurations as TOML and as ``--set``, until they are checked; no model is built."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from fuzzing import Target, mutated_bytes

from vqspeech.config import RunConfig, differences, override, parse, parse_model, plain, read_toml

TEXT = """
modality = "audio"
seed = 3
[corpus]
name = "folder"
trim_db = 40.0
[corpus.options]
utterances_per_speaker = 10
[model]
sample_rate = 16000
jitter = 0.1
[model.encoder]
strides = [[4, 2], [4, 2]]
channels = 8
dim = 4
front_end = { kind = "mfcc", n_mels = 20, lifter = 0.5 }
[model.quantizer]
name = "vq"
codebook_size = 8
[model.spectral]
weight = 1.0
dilations = [1, 2]
[train]
steps = 10
batch_size = 4
learning_rate = 1e-3
precision = "32-true"
compile = false
"""
VALUES = (
    "nan", "inf", "-inf", "-1", "0", "1e400", "1" * 5000, "9223372036854775808", "-9223372036854775809", "true", '""',
    '"x"', "[]", "{}", "[[]]", "[" * 3000 + "]" * 3000, "2020-01-01", "07:32:00", "1979-05-27T07:32:00Z",
    '"\\u001b[2J"', "{ a = 1 }", "[1, 'x']", "0x7fffffffffffffff", "''' \n '''", "[nan]", "{ name = 2020-01-01 }",
)  # fmt: skip


def base(folder: Path) -> list[str]:
    """Return the lines of a configuration."""
    return TEXT.splitlines()


def case(lines: list[str], draw: Random, folder: Path) -> None:
    """Change a value, a line, bytes, or an assignment of the command line; check the configuration."""
    path, kind, assignments = folder / "config.toml", draw.random(), []
    chosen = list(lines)
    settings = [number for number, line in enumerate(chosen) if "=" in line]
    if kind < 0.6:
        number = draw.choice(settings)
        chosen[number] = f"{chosen[number].partition('=')[0]}= {draw.choice(VALUES)}"
    elif kind < 0.7:
        chosen.insert(draw.randrange(len(chosen)), draw.choice(lines))
    elif kind < 0.85:
        key = draw.choice(("train.steps", "model.encoder.dim", "corpus.options.a.b", "seed", "a.b.c", "", "model", "."))
        assignments = [f"{key}={draw.choice(VALUES)}", draw.choice(("seed=1", "model.encoder.name=x", "="))]
    content = "\n".join(chosen).encode()
    path.write_bytes(mutated_bytes(content, draw) if kind >= 0.85 else content)
    values = override(read_toml(path), assignments)
    config = parse(RunConfig, values)
    model: Any = parse_model(config.model)
    stored = json.loads(json.dumps(plain(config), allow_nan=False))
    assert not differences(stored, plain(config)), "differs from itself"
    json.dumps(plain(model), allow_nan=False)


TARGETS = [Target(name="configurations", base=base, case=case, cases=300)]
