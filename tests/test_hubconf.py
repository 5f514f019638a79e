"""`torch.hub` loads models through hubconf.py at the root of the repository."""

from pathlib import Path

import torch
from tiny import save_codec

import vqspeech


def test_torch_hub_loads_a_model(tmp_path):
    path = save_codec(tmp_path / "run").path
    model = torch.hub.load(str(Path(__file__).parents[1]), "model", str(path), source="local")
    assert isinstance(model, vqspeech.Model)
    assert model.speakers == ("p225", "p226")
