"""Everything that the distribution registers keeps its contract, through public names alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from clips import write_clips

from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.testing import assert_light_import, decoder_checks, encoder_checks, modality_checks, prior_checks

PACKAGE = Path(__file__).parent / "vqspeech-lab" / "vqspeech_lab"


@encoder_checks("lab-gru", options={"channels": 8, "dim": 6, "frame_s": 0.01})
def test_the_encoder(check):
    check()


@decoder_checks("lab-gan", options={"channels": 16, "stretch_frames": 4})
def test_the_decoder(check):
    check()


@prior_checks("lab-conv", options={"channels": 16, "layers": 3})
def test_the_prior_over_sequences(check):
    check()


@prior_checks("lab-conv", space=CodeSpace(codebook_sizes=(6,), grid=(3, 3)), options={"channels": 16, "layers": 3})
def test_the_prior_over_grids(check):
    check()


def setup(folder):
    return {
        "corpus": {"name": "lab-clips"},
        "model": {"channels": 8, "quantizer": {"name": "ema", "codebook_size": 8}},
        "train": {"batch_size": 4, "start_crops": 8},
    }, write_clips(folder)


@modality_checks("lab-gesture", setup)
def test_the_modality(check):
    check()


def test_importing_it_is_cheap(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    assert_light_import("vqspeech_lab")


def test_the_modality_is_under_300_lines():
    assert sum(len(path.read_text().splitlines()) for path in (PACKAGE / "gestures").glob("*.py")) < 300


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_it_uses_public_names_only(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        assert not [name for name in names if name.split(".")[-1].startswith("_")]
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            assert not node.attr.startswith("_") or node.attr in ("_replace", "__init__"), f"{node.lineno}: {node.attr}"
