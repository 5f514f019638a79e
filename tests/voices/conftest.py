"""A voice to add, and models small enough to fit one in a second."""

import pytest
import torch
from tiny import MODEL, SPEAKERS, STEP, randn, rng
from voiced import speech

from vqspeech import audio
from vqspeech.checkpoints.store import save
from vqspeech.config import parse_model
from vqspeech.model import build

HARMONIC = {
    **MODEL,
    "decoder": {"name": "harmonic", "channels": 8, "dilations": [1], "frame_channels": 8, "speaker_channels": 4,
                "pitch_channels": 8, "pitch_dilations": [1], "loss_windows": [16]},
    "spectral": {"weight": 1.0, "hop_samples": 64, "window_samples": 400, "channels": 8},
}  # fmt: skip


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """A folder with twelve seconds of a voice at 180 Hz, in two files."""
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(2):
        audio.write(folder / f"{number}.wav", speech(6.0), 16000)
    return folder


@pytest.fixture(scope="session", params=["wavenet", "harmonic"])
def model(request, tmp_path_factory):
    """A checkpoint with two voices, of either decoder."""
    torch.manual_seed(0)
    config = parse_model(MODEL if request.param == "wavenet" else HARMONIC)
    made = build(config, SPEAKERS)
    made.quantizer.start(randn(200, 3), rng())
    path = tmp_path_factory.mktemp("model") / request.param
    facts = {"heard_speakers": [*SPEAKERS, "p999"], "speaker_notes": {"p225": "a note"}}
    save(path, made.state_dict(), config=config, speakers=SPEAKERS, step=STEP, facts=facts)
    return path
