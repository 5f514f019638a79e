"""The page about configurations names every key and every option of the parts that ship."""

import dataclasses
from pathlib import Path

import pytest

from vqspeech.config import ModelConfig, SpectralHeadConfig, TrainConfig
from vqspeech.config.model import FrontEndConfig, PerturbConfig, PhoneHeadConfig
from vqspeech.registry import contracts, lookup
from vqspeech.registry.lookup import entries

PAGE = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "config", [ModelConfig, SpectralHeadConfig, FrontEndConfig, PerturbConfig, PhoneHeadConfig, TrainConfig]
)
def test_every_key_is_documented(config):
    missing = [
        item.name for item in dataclasses.fields(config) if f"`{item.name}" not in PAGE and item.name not in PAGE
    ]
    assert missing == []


@pytest.mark.parametrize("kind", ["encoder", "quantizer", "decoder"])
def test_every_option_of_a_built_in_part_is_documented(kind):
    for entry in entries(kind):
        if entry.provider.distribution == "vqspeech":
            assert f"| `{entry.spec.name}` |" in PAGE
            for option in contracts.options(lookup.find(kind, entry.spec.name)).declared:
                assert option in PAGE, f"{kind} {entry.spec.name}: {option}"
