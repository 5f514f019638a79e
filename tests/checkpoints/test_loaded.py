"""A loaded model says where it is and whose conditions its codes have."""

from pathlib import Path

import torch

from vqspeech.checkpoints.loaded import Loaded


def loaded(model, **more):
    return Loaded(model=model, config=None, path=Path("run"), step=3, facts={}, codebook_sizes=(4,), **more)


def test_the_device_is_that_of_the_weights():
    assert loaded(torch.nn.Linear(1, 1, device="meta")).device == torch.device("meta")
    assert loaded(torch.nn.Identity()).device == torch.device("cpu")


def test_there_are_no_conditions_unless_given():
    assert loaded(torch.nn.Identity()).conditions == ()
    assert loaded(torch.nn.Identity(), conditions=("ann",)).conditions == ("ann",)
