"""README's Python runs as it stands, on a model that was never trained."""

import re
from pathlib import Path

import numpy as np
import torch

from vqspeech.checkpoints.store import save
from vqspeech.config import parse_model
from vqspeech.model import build

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SPEAKERS = ("us-f2", "rp-m6")
MODEL = {
    "encoder": {"strides": [[16, 8], [16, 8], [20, 10]], "channels": 4, "dim": 3},
    "decoder": {"cycles": 1, "layers_per_cycle": 2, "residual_channels": 4, "skip_channels": 4},
}


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    torch.manual_seed(0)
    config = parse_model(MODEL)
    weights = build(config, SPEAKERS).state_dict()
    save(tmp_path / "runs/vctk/checkpoints/step-00000001", weights, config=config, speakers=SPEAKERS, step=1)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    names = {"waveform": np.zeros(22_050, np.float32), "sample_rate": 22_050}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert names["codes"].shape == (1, 25)
    assert len(names["speech"]) == len(names["other"]) == 16_000


def test_the_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (Path(__file__).parents[1] / target).exists(), target
