"""Python in the documents that is quick enough runs as it stands, on models that were never trained."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

import live_model
import numpy as np
import pytest
import tiny
import torch
from document_blocks import blocks

import vqspeech
from vqspeech import audio

RATE = 16_000


def run(page: str, names: dict[str, object]) -> dict[str, object]:
    """Execute the blocks of a page, one after another, with the given names."""
    texts = [block.text for block in blocks("python") if block.page == page]
    assert texts, page
    for text in texts:
        exec(compile(text, page, "exec"), names)
    return names


@pytest.fixture
def english(tmp_path, monkeypatch) -> Path:
    """The folder of a model, which `vqspeech.load` and `from_pretrained` give for any name."""
    live_model.build_run(tmp_path / "run")
    model = vqspeech.load(tmp_path / "run")
    for name in ("load", "from_pretrained"):
        monkeypatch.setattr(vqspeech, name, lambda *_, **__: model)
    return tmp_path / "run"


def speech(seconds: float = 0.6) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(int(seconds * RATE)).astype(np.float32)


def test_codes_pack_to_bytes_and_back(english):
    pytest.importorskip("constriction", reason="comes with the extra bitstream")
    model = vqspeech.load("english")
    waveform = speech()
    done = run("docs/bitstreams.md", {"vqspeech": vqspeech, "waveform": waveform})
    np.testing.assert_array_equal(done["codes"], model.encode(waveform))


def test_models_load_by_name(english):
    assert run("docs/publishing.md", {})["model"].speakers == tiny.SPEAKERS


def test_blocks_are_converted_while_they_are_spoken(english, monkeypatch):
    module = importlib.import_module("vqspeech.codec.load")
    codec = dataclasses.replace(module.load_speech(english), speakers=("slt", "bdl"))
    monkeypatch.setattr(module, "load_speech", lambda name: codec)
    played: list[np.ndarray] = []
    run("docs/live.md", {"blocks": np.split(speech(), 6), "play": played.append})
    assert sum(map(len, played)) == len(speech())


def test_samples_are_delivered_piece_by_piece():
    decoder = tiny.codec().model.decoder.eval()
    latents = torch.zeros(1, 3, 4)
    conditions = decoder.conditions(latents, torch.zeros(1, dtype=torch.int64))[0]
    written: list[np.ndarray] = []

    class File:
        write = staticmethod(written.append)

    names = {"decoder": decoder, "conditions": conditions, "n_samples": 256, "file": File, "write": lambda *_: None}
    done = run("docs/sampling.md", names)
    np.testing.assert_array_equal(np.concatenate(written), done["result"].waveforms[0])


def test_melodies_of_the_tutorial_are_written_and_played(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "sample-0.txt").write_text("-C-D--a")
    run("docs/tutorials/modality.md", {})
    assert {len(path.read_text()) for path in (tmp_path / "songs").glob("*.txt")} == {256}
    assert len(audio.read(tmp_path / "new" / "sample-0.wav", RATE)) == 7 * RATE // 8


def test_edited_codes_of_the_tutorial_are_decoded(english):
    model = vqspeech.load("english")
    names = {"waveform": speech(), "sample_rate": RATE}
    model.decode, decode = lambda codes, speaker: decode(codes, speaker=model.speakers[0]), model.decode
    done = run("docs/tutorials/convert.md", names)
    assert len(done["slow"]) == 2 * len(model.decode(done["codes"], speaker="slt"))
