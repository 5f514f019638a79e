"""A model that was never trained."""

from pathlib import Path

import pytest
import torch

from vqspeech.codec.speech import SpeechCodec
from vqspeech.config import parse_model
from vqspeech.model import build

CONFIG = {
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


@pytest.fixture
def checkpoint():
    torch.manual_seed(0)
    config = parse_model(CONFIG)
    model = build(config, ("p225", "p226")).eval()
    model.quantizer.start(torch.randn(200, 3), torch.Generator().manual_seed(0))
    return SpeechCodec(model=model, config=config, speakers=("p225", "p226"), step=3, path=Path("run"), facts={})
