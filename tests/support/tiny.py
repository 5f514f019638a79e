"""A model of speech that was never trained, and seeded random numbers, as many tests need them."""

from pathlib import Path

import torch

from vqspeech.checkpoints.store import save
from vqspeech.codec.speech import SpeechCodec
from vqspeech.config import parse_model
from vqspeech.model import build

SPEAKERS = ("p225", "p226")
STEP = 3
MODEL = {
    "encoder": {"strides": [[16, 8], [16, 8]], "channels": 4, "dim": 3},
    "quantizer": {"name": "vq", "codebook_size": 16},
    "decoder": {
        "cycles": 1,
        "layers_per_cycle": 2,
        "residual_channels": 4,
        "skip_channels": 4,
        "condition_channels": 3,
    },
}
"""64 samples per code, 3 dimensions, 16 codes."""

RUN_TOML = """
[corpus]
name = "folder"
[model.encoder]
strides = [[16, 8], [16, 8]]
channels = 4
dim = 4
[model.quantizer]
name = "ema"
codebook_size = 4
[model.decoder]
cycles = 1
layers_per_cycle = 2
residual_channels = 4
skip_channels = 4
condition_channels = 4
[train]
steps = 2
batch_size = 2
crop_samples = 1280
start_crops = 4
precision = "32-true"
accelerator = "cpu"
"""
"""A training of two steps on recordings in a folder per speaker."""


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=rng(seed))


def codec(path=Path("run"), *, started=True, speakers=SPEAKERS):
    """The model as a codec; its codebook is placed on random latents when `started`."""
    torch.manual_seed(0)
    config = parse_model(MODEL)
    model = build(config, speakers).eval()
    if started:
        # Not `randn`: these are the numbers of the global generator, after those of the weights.
        model.quantizer.start(torch.randn(200, 3), rng())
    return SpeechCodec(model=model, config=config, speakers=speakers, step=STEP, path=path, facts={})


def save_codec(run, *, speakers=SPEAKERS):
    """Write the model as a run directory; return its codec."""
    made = codec(run / "checkpoints" / f"step-{STEP:08}", speakers=speakers)
    save(made.path, made.model.state_dict(), config=made.config, speakers=speakers, step=STEP)
    return made
