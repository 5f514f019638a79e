"""What every registered model must do (`PretrainedSpec`), as checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch

from vqspeech.checkpoints.directory import CARD, CHECKSUMS, CONFIG, WEIGHTS, damage
from vqspeech.checkpoints.names import registered_directory
from vqspeech.codec.load import load
from vqspeech.codec.pretrained import PICKLES
from vqspeech.codec.speech import SpeechCodec
from vqspeech.registry import lookup
from vqspeech.registry.records import Entry
from vqspeech.registry.specs import PretrainedSpec
from vqspeech.testing.cases import parametrize


@dataclass(frozen=True)
class PretrainedSubject:
    """A registered model."""

    name: str

    @property
    def entry(self) -> Entry[PretrainedSpec]:
        """What is registered."""
        return lookup.find(PretrainedSpec, self.name)

    @property
    def path(self) -> Path:
        """Its directory."""
        return registered_directory(self.entry)

    @cached_property
    def loaded(self) -> Any:
        """The model, as its modality loads it."""
        return load(self.name)

    @property
    def speech(self) -> SpeechCodec:
        """The model; the check is skipped for other media."""
        if not isinstance(self.loaded, SpeechCodec):
            pytest.skip("not a model of speech")
        return self.loaded


def files(subject: PretrainedSubject) -> None:
    """config.json, model.safetensors, checksums.json and README.md are there, and nothing in a pickle."""
    there = {item.name for item in subject.path.iterdir()}
    assert not (missing := {CONFIG, WEIGHTS, CHECKSUMS, CARD} - there), f"{subject.path} lacks {sorted(missing)}"
    pickles = sorted(name for name in there if Path(name).suffix in PICKLES)
    assert not pickles, f"{subject.path} holds {pickles}, which can run code; publish what `vqspeech export` writes"


def checksums(subject: PretrainedSubject) -> None:
    """The files are as they were written, and weights and description have a checksum."""
    sums = json.loads((subject.path / CHECKSUMS).read_text(encoding="utf-8"))
    assert {CONFIG, WEIGHTS} <= sums.keys(), f"{CHECKSUMS} has no checksum of {sorted({CONFIG, WEIGHTS} - sums.keys())}"
    assert (broken := damage(subject.path)) is None, broken


def no_paths(subject: PretrainedSubject) -> None:
    """The description holds no absolute path of the machine that trained it."""
    found = [value for value in _texts(json.loads((subject.path / CONFIG).read_text(encoding="utf-8")))
             if value.startswith(("/", "~", "\\")) or value[1:3] in (":\\", ":/")]  # fmt: skip
    assert not found, f"{CONFIG} holds {found[:3]}; `vqspeech export` removes paths"


def licence(subject: PretrainedSubject) -> None:
    """The spec names the licence of the weights."""
    assert subject.entry.spec.licence.strip(), "PretrainedSpec(licence=...) is empty"


def loads(subject: PretrainedSubject) -> None:
    """The model loads by its name, with every weight, all finite."""
    model = subject.loaded.model
    bad = [name for name, tensor in model.state_dict().items() if not torch.isfinite(tensor.float()).all()]
    assert not bad, f"weights that are not finite: {bad[:5]}"


def speaks(subject: PretrainedSubject) -> None:
    """Half a second of noise is encoded and decoded in the first voice: finite samples, as many as the codes cover."""
    codec = subject.speech
    noise = 0.1 * torch.randn(1, codec.sample_rate // 2, generator=torch.Generator().manual_seed(0))
    codes = codec.encode(noise)[:, :, :8]
    waveform = codec.decode(codes, codec.speakers[0] if codec.speakers else "")
    wanted = codes.shape[2] * codec.model.decoder.hop_samples
    assert waveform.shape == (1, wanted), f"decoded {tuple(waveform.shape)}, expected (1, {wanted})"
    assert torch.isfinite(waveform).all(), "decoded samples are not finite"


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


CHECKS: tuple[Callable[[Any], None], ...] = (files, checksums, no_paths, licence, loads, speaks)
"""Every check, in the order in which pytest shows them."""


def pretrained_checks(*names: str, expected_failures: Mapping[str, str] | None = None) -> pytest.MarkDecorator:
    """Parametrise a test over all checks of registered models::

        @pretrained_checks("my-voices")
        def test_my_voices_can_be_used(check):
            check()

    Parameters
    ----------
    names : registered names
    expected_failures : check -> reason; such a check must fail

    Raises
    ------
    UnknownNameError : an expected failure of a check that does not exist
    """
    return parametrize([PretrainedSubject(name) for name in names], CHECKS, expected_failures or {})
