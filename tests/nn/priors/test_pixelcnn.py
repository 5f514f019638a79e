"""The prior ``pixelcnn`` keeps the contract of priors, over grids with conditions and over sequences."""

import dataclasses

import pytest
import torch

from vqspeech.errors import ConfigError
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.priors.pixelcnn import Attention, pixelcnn
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.testing import prior_checks

SMALL = {"layers": 3, "width": 8, "head_width": 8, "first_kernel": 3}
CLASSES = CodeSpace(codebook_sizes=(5, 3), grid=(3, 4), conditions=3)
FINE = CodeSpace(codebook_sizes=(5,), grid=(4, 4), above=CodeSpace(codebook_sizes=(3, 2), grid=(2, 2)))


@prior_checks("pixelcnn", options=SMALL)
def test_sequences_of_speakers(check):
    check()


@prior_checks("pixelcnn", space=CLASSES, options={**SMALL, "attention": {"blocks": 1, "heads": 2, "head_width": 4}})
def test_grids_by_class_with_attention(check):
    check()


@prior_checks("pixelcnn", space=FINE, options={**SMALL, "top_blocks": 1})
def test_grids_given_coarser_codes(check):
    check()


@prior_checks("pixelcnn", space=CodeSpace(codebook_sizes=(4,), grid=(6,)), options=SMALL)
def test_grids_of_one_dimension(check):
    check()


def test_a_frame_depends_on_as_many_frames_before_it_as_documented():
    torch.manual_seed(0)
    options = {**SMALL, "first_kernel": 5, "kernel": 3, "layers": 4}
    prior = pixelcnn(CodeSpace(codebook_sizes=(7,)), **options).eval()
    codes, reach = torch.randint(7, (1, 1, 20)), 2 + 3 * 1
    before = prior._nats(CodeBatch(codes))[0, 0]
    for place in (0, 5, 12):
        changed = codes.clone()
        changed[0, 0, place] = (changed[0, 0, place] + 1) % 7
        moved = (prior._nats(CodeBatch(changed))[0, 0] != before).nonzero()[:, 0].tolist()
        assert moved == list(range(place, min(20, place + reach + 1)))


def test_longer_sequences_go_on_where_shorter_ones_end():
    torch.manual_seed(0)
    prior = pixelcnn(CodeSpace(codebook_sizes=(7, 3)), **SMALL).eval()
    assert torch.equal(prior.sample(2, frames=9, seed=3)[:, :, :5], prior.sample(2, frames=5, seed=3))


@pytest.mark.parametrize(
    "space, options, says",
    [
        ({}, {"layers": 0}, "layers"),
        ({}, {"kernel": 4}, "kernel"),
        ({}, {"top_blocks": -1}, "top_blocks"),
        ({}, {"attention": Attention(blocks=1)}, "sequences"),
        ({"grid": (2, 2)}, {"layers": 2, "attention": Attention(blocks=3)}, "attention.blocks = 3"),
        ({"grid": (2, 2, 2)}, {}, "one or two dimensions"),
    ],
)
def test_what_cannot_be_built(space, options, says):
    with pytest.raises(ConfigError, match=says):
        pixelcnn(dataclasses.replace(CodeSpace(codebook_sizes=(5,)), **space), **options)
