"""A space of codes survives the config.json of a prior."""

import json

import pytest

from vqspeech.nn.priors.protocol import CodeSpace

SPACES = (
    CodeSpace(codebook_sizes=(512,), conditions=110),
    CodeSpace(codebook_sizes=(5, 4), grid=(8, 8), above=CodeSpace(codebook_sizes=(7,), grid=(4, 4), conditions=3)),
)


@pytest.mark.parametrize("space", SPACES)
def test_it_survives_json(space):
    assert CodeSpace.parse(json.loads(json.dumps(space.plain()))) == space


def test_depth_counts_the_levels_above():
    assert [space.depth for space in SPACES] == [0, 1]


@pytest.mark.parametrize("values", [{}, {"codebook_sizes": 5, "grid": None, "conditions": 0, "above": None}])
def test_other_values_are_errors(values):
    with pytest.raises((KeyError, TypeError, ValueError)):
        CodeSpace.parse(values)
