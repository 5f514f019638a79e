"""A model that was never trained, with the decoder that can stream; its voices are an octave and a half apart."""

from __future__ import annotations

from pathlib import Path

import torch
from tiny import SPEAKERS

from vqspeech.checkpoints.store import save
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


def build_run(run: Path) -> Path:
    """Write a run directory."""
    torch.manual_seed(0)
    config = parse_model(MODEL)
    model = build(config, SPEAKERS).eval()
    model.quantizer.start(torch.randn(200, model.quantizer.dim), torch.Generator().manual_seed(0))
    model.decoder.fit_pitch(torch.tensor([4.6, 5.6]), torch.tensor([0.2, 0.2]))
    save(run / "checkpoints" / "step-00000001", model.state_dict(), config=config, speakers=SPEAKERS, step=1)
    return run
