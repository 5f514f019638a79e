"""Training under bfloat16 on a CPU computes what it says, whatever the CPU's library makes of its convolutions."""

import pytest
import torch
from runs import run
from torch import nn

from vqspeech.training.precision import exact_convolutions

SHAPES = [(nn.Conv1d, 16, 8, 4), (nn.Conv1d, 24, 16, 8), (nn.Conv1d, 4, 32, 16), (nn.Conv2d, 8, 8, 8)]


@pytest.mark.parametrize("kind, channels, kernel, stride", SHAPES)
def test_a_strided_convolution_of_few_channels_is_right(kind, channels, kernel, stride):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Identity(), kind(channels, 16, kernel, stride))
    size = (64,) if kind is nn.Conv1d else (32, 32)
    inputs = torch.randn(2, channels, *size)
    wanted = model(inputs)
    (wanted_gradient,) = torch.autograd.grad(wanted.square().sum(), model[1].weight)
    assert exact_convolutions(model) == ["1"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = model(inputs)
    (gradient,) = torch.autograd.grad(result.float().square().sum(), model[1].weight)
    for one, other in ((result.float(), wanted), (gradient, wanted_gradient)):
        assert (one - other).norm() < 0.02 * other.norm()


def test_other_convolutions_stay_in_bfloat16():
    model = nn.Sequential(nn.Conv1d(1, 8, 4, 2), nn.Conv1d(8, 40, 3, dilation=2), nn.Conv1d(40, 8, 8, 4))
    assert exact_convolutions(model) == []
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(torch.randn(1, 1, 200)).dtype == torch.bfloat16


@pytest.mark.parametrize("precision, count", [("bf16-mixed", 1), ("32-true", 0)])
def test_training_keeps_them_exact_where_it_computes_in_bfloat16(
    make_config, store, tmp_path, monkeypatch, precision, count
):
    made = []
    monkeypatch.setattr("vqspeech.training.stepper.exact_convolutions", lambda model: made.append(model))
    run(make_config(steps=1, precision=precision), tmp_path / "run", store)
    assert len(made) == count
