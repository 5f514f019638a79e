"""The prior ``transformer`` keeps the contract of priors, and sees its window and nothing else."""

import pytest
import torch

from vqspeech.errors import ConfigError
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.nn.priors.transformer import transformer
from vqspeech.testing import prior_checks

SMALL = {"layers": 2, "width": 8, "heads": 2, "inner": 12, "window": 5, "head_channels": 8}


@prior_checks("transformer", options=SMALL)
def test_sequences_of_speakers(check):
    check()


@prior_checks("transformer", space=CodeSpace(codebook_sizes=(6,)), options={**SMALL, "window": 64, "dropout": 0.1})
def test_sequences_without_speakers_with_dropout(check):
    check()


@prior_checks("transformer", space=CodeSpace(codebook_sizes=(5, 3), grid=(3, 2), conditions=2), options=SMALL)
def test_grids_in_raster_order(check):
    check()


def test_each_layer_looks_back_one_window():
    torch.manual_seed(0)
    prior = transformer(CodeSpace(codebook_sizes=(7,)), **{**SMALL, "window": 4}).double().eval()
    codes, reach = torch.randint(7, (1, 1, 30)), 1 + 2 * 3
    before = prior.code_nats(CodeBatch(codes))[0, 0]
    for place in (0, 5, 12):
        changed = codes.clone()
        changed[0, 0, place] = (changed[0, 0, place] + 1) % 7
        moved = (prior.code_nats(CodeBatch(changed))[0, 0] != before).nonzero()[:, 0].tolist()
        assert moved == list(range(place, min(30, place + reach + 1)))


@pytest.mark.parametrize(
    ("space", "options", "says"),
    [
        ({}, {"layers": 0}, "layers"),
        ({}, {"window": 0}, "window"),
        ({}, {"window": 2**17}, "window"),
        ({}, {"width": 12, "heads": 4}, "heads"),
        ({}, {"dropout": -0.1}, "dropout"),
        ({"grid": (4,), "above": CodeSpace(codebook_sizes=(3,), grid=(2,))}, {}, "level above"),
    ],
)
def test_what_cannot_be_built(space, options, says):
    with pytest.raises(ConfigError, match=says):
        transformer(CodeSpace(codebook_sizes=(5,), **space), **options)
