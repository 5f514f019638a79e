"""ONNX graphs give the codes and samples of the model, or nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from tiny import MODEL, SPEAKERS, codec
from torch import nn

from vqspeech.codec.speech import SpeechCodec
from vqspeech.config import parse_model
from vqspeech.errors import InputError, UnknownNameError
from vqspeech.model import build
from vqspeech.publishing.onnx_export import FILES, export_onnx
from vqspeech.publishing.onnx_parts import CodesOf

pytest.importorskip("onnx", reason="needs the extra onnx")

DECODER = {"name": "harmonic", "channels": 8, "frame_channels": 8, "speaker_channels": 4, "pitch_channels": 8}
MEL = {"front_end": {"kind": "logmel", "hop_samples": 160, "n_mels": 20, "mean_window_samples": 3200},
       "strides": [[4, 2]], "channels": 8, "dim": 4, "residual_dilations": [1, 2]}  # fmt: skip


def model(encoder=MEL, quantizer=None):
    torch.manual_seed(0)
    table = {"encoder": encoder, "quantizer": quantizer or {"name": "rvq", "codebooks": 2, "codebook_size": 16}}
    config = parse_model({**table, "decoder": DECODER})
    made = build(config, SPEAKERS).eval()
    made.quantizer.start(torch.randn(200, made.encoder.dim), torch.Generator().manual_seed(0))
    return SpeechCodec(model=made, config=config, speakers=SPEAKERS, step=3, path=Path("run"), facts={})


def graph(folder, name):
    return onnxruntime.InferenceSession(folder / name, providers=["CPUExecutionProvider"])


def test_codes_of_any_batch_and_length_are_those_of_the_model(tmp_path):
    trained, out = model(), tmp_path / "onnx"
    made = export_onnx(trained, out)
    assert {path.name for path in out.iterdir()} == FILES
    assert made.changed <= 1 < made.codes
    assert made.deviation < 1e-2
    rng, session = np.random.default_rng(1), graph(out, "encoder.onnx")
    for batch, longest in [(1, 1), (1, 320), (4, 5001), (2, 16000)]:
        waveform = rng.normal(0, 0.1, (batch, longest)).astype(np.float32)
        lengths = rng.integers(1, longest + 1, batch)
        for row, length in zip(waveform, lengths, strict=True):
            row[length:] = 0
        got = session.run(None, {"waveform": waveform, "lengths": lengths})[0]
        with torch.inference_mode():
            wanted = CodesOf(trained.model)(torch.from_numpy(waveform), torch.from_numpy(lengths)).numpy()
        assert got.shape == wanted.shape
        real = np.arange(got.shape[2]) < -(-lengths[:, None] // trained.hop_samples)
        assert (got != wanted)[np.broadcast_to(real[:, None], got.shape)].sum() <= 1


@pytest.mark.parametrize(
    "quantizer",
    [
        {"name": "fsq", "levels": [5, 5, 3]},
        {"name": "cosine", "codebook_size": 16, "code_dim": 3},
        {"name": "grouped", "groups": 2, "codebook_size": 8},
        {"name": "vq", "codebook_size": 16},
    ],
    ids=lambda table: table["name"],
)
def test_quantizers_and_the_waveform_as_input(quantizer, tmp_path):
    encoder = {"strides": [[16, 16], [16, 10]], "channels": 4, "dim": 4}
    made = export_onnx(model(encoder, quantizer), tmp_path / "onnx")
    assert made.changed <= 1


def test_chosen_voices_and_codebooks_and_a_second_export(tmp_path):
    out = tmp_path / "onnx"
    export_onnx(model(), out)
    export_onnx(model(), out, speakers=[SPEAKERS[1]], codebooks=1)
    facts = json.loads((out / "model.json").read_text())
    assert facts["speakers"] == [SPEAKERS[1]]
    assert facts["codebook_sizes"] == [16]
    assert len(facts["pitch"]["mean_log_f0"]) == 1
    with pytest.raises(UnknownNameError):
        export_onnx(model(), out, speakers=["nobody"])
    (out / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"mine\.txt"):
        export_onnx(model(), out)
    assert json.loads((out / "model.json").read_text()) == facts


class Unrecorded(nn.Module):
    """Solves equations, for which graphs have no node."""

    dim, hop_samples = 4, 320

    def __init__(self, encoder):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, waveform, lengths=None):
        return torch.linalg.lstsq(torch.eye(3)[None], waveform[:, :3, None]).solution.expand(-1, 4, 9)


class OneBatch(nn.Module):
    """Takes as many recordings as there were when it was recorded."""

    dim, hop_samples = 4, 320

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, waveform, lengths=None):
        latents = self.encoder(waveform, lengths)
        return latents.reshape(len(waveform), 4, -1)


@pytest.mark.parametrize("broken", [Unrecorded, OneBatch], ids=["unrecorded", "fixed batch"])
def test_a_part_that_cannot_be_exported_is_named_and_nothing_is_written(broken, tmp_path, monkeypatch):
    trained = model()
    trained.model.encoder = broken(trained.model.encoder)
    monkeypatch.setattr("vqspeech.publishing.onnx_export.published_codec", lambda *_: trained)
    monkeypatch.setattr("vqspeech.publishing.onnx_export.published_weights", lambda *_: {})
    with pytest.raises(InputError, match="encoder 'conv'") as caught:
        export_onnx(trained, tmp_path / "onnx")
    assert caught.value.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_another_decoder_is_named_and_nothing_is_written(tmp_path):
    assert MODEL["decoder"].get("name", "wavenet") == "wavenet"
    with pytest.raises(InputError, match=r"decoder 'wavenet'.*harmonic"):
        export_onnx(codec(), tmp_path / "onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_extra_the_error_names_it(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"vqspeech\[onnx\]"):
        export_onnx(model(), tmp_path / "onnx")
    assert not list(tmp_path.iterdir())
