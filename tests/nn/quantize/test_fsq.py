"""Finite scalar quantization: the number of levels, one number per frame, a straight-through gradient."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech.errors import ConfigError
from vqspeech.nn.quantize.fsq import FiniteScalarQuantizer


def make(dim=4, **options):
    torch.manual_seed(0)
    return FiniteScalarQuantizer(dim, **options)


def straight(levels):
    """A quantizer whose projections change nothing."""
    quantizer = make(len(levels), levels=levels)
    with torch.no_grad():
        for layer in (quantizer.down, quantizer.up):
            layer.weight.copy_(torch.eye(len(levels)))
            layer.bias.zero_()
    return quantizer


@settings(max_examples=20, deadline=None)
@given(levels=st.lists(st.integers(3, 9), min_size=1, max_size=3))
def test_every_code_decodes_to_latents_of_its_own_and_is_reached(levels):
    quantizer, count = straight(levels), math.prod(levels)
    assert quantizer.codebook_sizes == (count,)
    decoded = quantizer.decode(torch.arange(count)[None, None])
    assert len(decoded[0].T.unique(dim=0)) == count
    assert decoded.abs().max() <= 1
    steps = torch.linspace(-6, 6, 1200)
    for channel, size in enumerate(levels):
        z = torch.zeros(1, len(levels), len(steps))
        z[0, channel] = steps
        codes = quantizer.encode(z)
        assert len(codes.unique()) == size
        digits = quantizer.decode(codes)[0, channel]
        assert (digits.diff() >= 0).all()


def test_the_number_of_a_frame_is_mixed_radix():
    quantizer = straight([3, 5])
    high, low = 9.0, -9.0
    z = torch.tensor([[[low, high, low, high], [low, low, high, high]]])
    assert quantizer.encode(z)[0, 0].tolist() == [0, 2, 12, 14]


@pytest.mark.parametrize("levels", [[5], [8], [4, 7]])
def test_zero_is_bounded_to_zero(levels):
    assert torch.allclose(straight(levels)._bounded(torch.zeros(1, len(levels))), torch.zeros(1), atol=1e-6)


def test_the_gradient_is_that_of_the_bounded_channels():
    quantizer, z = straight([5, 8]), torch.randn(1, 2, 6, generator=torch.Generator().manual_seed(0))
    z.requires_grad_()
    quantizer(z).z_q.sum().backward()
    other = z.detach().clone().requires_grad_()
    (quantizer._bounded(other[0].T) / (quantizer.sizes // 2)).sum().backward()
    torch.testing.assert_close(z.grad, other.grad)


def test_the_start_puts_the_channels_within_the_bend():
    quantizer = make(4, levels=[8, 8, 8])
    frames = 100 + 50 * torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    before = len(quantizer.encode(frames.T[None]).unique())
    quantizer.start(frames, torch.Generator())
    assert before < 40 < 120 < len(quantizer.encode(frames.T[None]).unique())
    quantizer.start(frames[:0], torch.Generator())
    quantizer.start(torch.ones(9, 4), torch.Generator())
    assert all(torch.isfinite(weight).all() for weight in quantizer.parameters())


def test_it_has_no_loss_and_nothing_to_keep_but_its_projections():
    quantizer = make()
    assert quantizer(torch.zeros(1, 4, 3)).losses == {}
    assert set(quantizer.state_dict()) == {"down.weight", "down.bias", "up.weight", "up.bias"}


@pytest.mark.parametrize("levels", [[], [2], [5, 1], [1000] * 4])
def test_levels_that_cannot_work_are_refused(levels):
    with pytest.raises(ConfigError, match=r"quantizer\.levels"):
        make(levels=levels)
