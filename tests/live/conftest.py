"""Models that were never trained, with the decoder that can stream; their voices are two octaves apart."""

from pathlib import Path

import pytest
import torch
from tiny import SPEAKERS, save_codec

from vqspeech.checkpoints.store import save
from vqspeech.codec.load import load_speech
from vqspeech.config import parse_model
from vqspeech.model import build

MODEL = {
    "encoder": {
        "front_end": {"kind": "logmel", "hop_samples": 160, "n_mels": 12, "mean_window_samples": 8000},
        "strides": [[5, 1], [4, 2]],
        "channels": 8,
        "dim": 3,
        "residual_dilations": [1, 3],
    },
    "quantizer": {"name": "vq", "codebook_size": 16},
    "decoder": {
        "name": "harmonic",
        "channels": 8,
        "dilations": [1, 2],
        "frame_channels": 8,
        "speaker_channels": 4,
        "pitch_channels": 4,
        "pitch_dilations": [1],
    },
}
"""320 samples per code; a code depends on 0.36 s on either side."""


def build_run(run: Path, values: dict) -> Path:
    torch.manual_seed(0)
    config = parse_model(values)
    model = build(config, SPEAKERS).eval()
    model.quantizer.start(torch.randn(200, model.quantizer.dim), torch.Generator().manual_seed(0))
    model.decoder.fit_pitch(torch.tensor([4.6, 5.6]), torch.tensor([0.2, 0.2]))
    save(run / "checkpoints" / "step-00000001", model.state_dict(), config=config, speakers=SPEAKERS, step=1)
    return run


@pytest.fixture
def run(tmp_path):
    return build_run(tmp_path / "run", MODEL)


@pytest.fixture
def codec(run):
    return load_speech(run)


@pytest.fixture
def wavenet(tmp_path):
    save_codec(tmp_path / "wavenet")
    return load_speech(tmp_path / "wavenet")
