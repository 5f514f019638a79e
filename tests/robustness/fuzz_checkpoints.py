"""Checkpoint directories: values of config.json, bytes of the weights, checksums; described, and loaded and used."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from random import Random

import numpy as np
from fuzzing import Target, json_text, mutated_bytes, mutated_json
from tiny import save_codec

from vqspeech.checkpoints.directory import CHECKSUMS, CONFIG, WEIGHTS
from vqspeech.cli.runs import info
from vqspeech.cli.speakers import list_speakers
from vqspeech.cli.terminal import escaped_output
from vqspeech.codec.load import load, require_plugins
from vqspeech.codec.speech import SpeechCodec

METRICS = [{"step": 1, "split": "valid", "seconds": 1.0, "nll_bits": 3.0}, {"step": 2, "split": "train", "seconds": 2}]
FACTS = {
    "run": {"modality": "audio", "seed": 0, "corpus": {"name": "demo", "options": {}}, "train": {"steps": 3}},
    "corpus": {"name": "demo", "variant": "two voices", "synthetic": True},
    "data": "f" * 64,
    "speaker_notes": {"p225": "a note"},
    "heard_speakers": ["p225", "p226"],
    "decoder_path": "cpu",
}


def base(folder: Path) -> Path:
    """Write a checkpoint of a tiny model, with all facts that one may have."""
    path = save_codec(folder / "run").path
    facts = json.loads((path / CONFIG).read_text())
    (path / CONFIG).write_text(json.dumps({**facts, **FACTS}))
    (path / CHECKSUMS).unlink()
    return path


def described(made: Path, draw: Random, folder: Path) -> None:
    """Change config.json and the metrics; print what `info` and `speakers` print."""
    path = folder / "run" / "checkpoints" / "step-00000003"
    path.mkdir(parents=True)
    (path / WEIGHTS).touch()
    facts = json.loads((made / CONFIG).read_text())
    (path / CONFIG).write_text(json_text(mutated_json(facts, draw, 3), draw))
    rows = [json_text(mutated_json(row, draw) if draw.random() < 0.5 else row, draw) for row in METRICS]
    (folder / "run" / "metrics.jsonl").write_text("\n".join(rows))
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), escaped_output():
        info(folder / "run")
        info(folder / "run", as_json=True)
        list_speakers(folder / "run")
    assert not set(shown.getvalue()) & set("\x1b\x07\r\u202e"), "control characters reach the terminal"


def loaded(made: Path, draw: Random, folder: Path) -> None:
    """Change the model's configuration or the weights; load the model and encode with it."""
    path = folder / "model"
    shutil.copytree(made, path)
    if draw.random() < 0.8:
        facts = json.loads((path / CONFIG).read_text())
        part = draw.choice(("model", "model", "plugins", "speakers"))
        (path / CONFIG).write_text(json.dumps({**facts, part: mutated_json(facts[part], draw)}))
    else:
        (path / WEIGHTS).write_bytes(mutated_bytes((path / WEIGHTS).read_bytes(), draw))
    model = load(path)
    assert isinstance(model, SpeechCodec)
    require_plugins(path, model.facts)
    ((_, _, codes),) = model.encode_all([(0, np.zeros(640, np.float32))])
    assert codes.shape[0] == len(model.codebook_sizes) and codes.min() >= 0


TARGETS = [
    Target(name="checkpoints, described", base=base, case=described, cases=200),
    Target(name="checkpoints, loaded", base=base, case=loaded, cases=60),
]
