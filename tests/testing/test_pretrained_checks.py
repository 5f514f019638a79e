"""The checks of registered models: a published one passes them all, one with a fault fails the check of that fault."""

from __future__ import annotations

import json

import pytest
import torch
from published import plant_model, write_model
from safetensors.torch import load_file, save_file

from vqspeech.testing.pretrained import CHECKS, PretrainedSubject


@pytest.fixture
def model(tmp_path, fake_dist, isolated_registry):
    path = write_model(tmp_path)
    plant_model(fake_dist, path)
    isolated_registry()
    return path


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_published_model_passes(model, check):
    check(PretrainedSubject("english"))


def no_card(model):
    (model / "README.md").unlink()


def pickled(model):
    (model / "train_state.pt").write_bytes(b"")


def other_weights(model):
    weights = load_file(model / "model.safetensors")
    save_file({**weights, next(iter(weights)): torch.zeros(1)}, model / "model.safetensors")


def with_path(model):
    facts = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**facts, "run": {"corpus": {"options": {"table": "/home/ann/t"}}}}))


def not_finite(model):
    weights = load_file(model / "model.safetensors")
    (first, *_) = (name for name in weights if name.startswith("encoder."))
    save_file({**weights, first: torch.full_like(weights[first], torch.nan)}, model / "model.safetensors")
    (model / "checksums.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "name"),
    [(no_card, "files"), (pickled, "files"), (other_weights, "checksums"), (with_path, "no_paths"),
     (not_finite, "loads")],
)  # fmt: skip
def test_a_fault_fails_its_check(model, spoil, name):
    spoil(model)
    (check,) = [check for check in CHECKS if check.__name__ == name]
    with pytest.raises(AssertionError):
        check(PretrainedSubject("english"))
