"""The prior ``wavenet`` keeps the contract of priors, and its cached draws are those of the whole network."""

import pytest
import torch

from vqspeech.errors import ConfigError
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.nn.priors.wavenet import wavenet
from vqspeech.testing import prior_checks

SMALL = {
    "cycles": 2,
    "layers_per_cycle": 2,
    "residual_channels": 8,
    "skip_channels": 12,
    "head_channels": 8,
    "condition_channels": 4,
}


@prior_checks("wavenet", options=SMALL)
def test_sequences_of_speakers(check):
    check()


@prior_checks("wavenet", space=CodeSpace(codebook_sizes=(6,)), options={**SMALL, "kernel_size": 3, "dropout": 0.1})
def test_sequences_without_speakers_with_dropout(check):
    check()


@prior_checks("wavenet", space=CodeSpace(codebook_sizes=(5, 3), grid=(3, 2), conditions=2), options=SMALL)
def test_grids_in_raster_order(check):
    check()


def test_a_frame_depends_on_as_many_frames_before_it_as_documented():
    torch.manual_seed(0)
    prior = wavenet(CodeSpace(codebook_sizes=(7,)), **{**SMALL, "kernel_size": 3}).double().eval()
    codes, reach = torch.randint(7, (1, 1, 30)), prior.reach
    assert reach == 1 + 2 * (1 + 2 + 1 + 2)
    before = prior.code_nats(CodeBatch(codes))[0, 0]
    for place in (0, 5, 12):
        changed = codes.clone()
        changed[0, 0, place] = (changed[0, 0, place] + 1) % 7
        moved = (prior.code_nats(CodeBatch(changed))[0, 0] != before).nonzero()[:, 0].tolist()
        assert moved == list(range(place, min(30, place + reach + 1)))


@pytest.mark.parametrize(
    ("space", "options", "says"),
    [
        ({}, {"cycles": 0}, "cycles"),
        ({}, {"layers_per_cycle": 17}, "layers_per_cycle"),
        ({}, {"kernel_size": 1}, "kernel_size"),
        ({}, {"dropout": 1.0}, "dropout"),
        ({"grid": (4,), "above": CodeSpace(codebook_sizes=(3,), grid=(2,))}, {}, "level above"),
    ],
)
def test_what_cannot_be_built(space, options, says):
    with pytest.raises(ConfigError, match=says):
        wavenet(CodeSpace(codebook_sizes=(5,), **space), **options)
