"""Likelihoods are distributions over the 256 values of a pixel, equal to their formulas in float64."""

import itertools
import math

import pytest
import torch
from vqspeech_image.nn import likelihoods
from vqspeech_image.nn.likelihoods import Bernoulli, DiscretisedGaussian, DiscretisedLogistic, Softmax256


def make(kind, channels=1, spread=1.0, seed=0):
    torch.manual_seed(seed)
    layer = kind(5, channels)
    with torch.no_grad():
        layer.head.weight.normal_(0, spread)
    return layer, torch.randn(4, 5)


EIGHT_BIT = [Softmax256, DiscretisedLogistic, DiscretisedGaussian]


@pytest.mark.parametrize("spread", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("kind", EIGHT_BIT)
def test_probabilities_sum_to_one(kind, spread):
    layer, features = make(kind, spread=spread)
    values = torch.arange(256, dtype=torch.uint8)[:, None, None].expand(256, 4, 1)
    total = (-layer.nll(features.expand(256, 4, 5), values).double()).exp().sum(0)
    assert torch.allclose(total, torch.ones(4, dtype=torch.float64), atol=1e-4)


def test_probabilities_of_linked_channels_sum_to_one(monkeypatch):
    """Two channels of which the second depends on the first: over all 256 x 256 pairs."""
    layer, features = make(
        lambda width, channels: DiscretisedLogistic(width, channels, mixtures=2), channels=2, spread=0.5
    )
    pairs = torch.cartesian_prod(torch.arange(256), torch.arange(256)).to(torch.uint8)
    total = (-layer.nll(features[0].expand(len(pairs), 5), pairs).double()).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-3)
    near, far = (layer.nll(features[0], torch.tensor([first, 128], dtype=torch.uint8)) for first in (0, 255))
    alone = [layer.nll(features[0], torch.tensor([first, 0], dtype=torch.uint8)) for first in (0, 255)]
    assert abs((near - alone[0]) - (far - alone[1])) > 1e-3, "the second channel does not see the first"


@pytest.mark.parametrize("value", [0, 1, 100, 254, 255])
def test_logistic_is_its_formula(value):
    layer, features = make(lambda width, channels: DiscretisedLogistic(width, channels, mixtures=3), spread=0.5)
    weights, locations, scales, _ = (part.double() for part in layer._split(features))
    edges = [
        -math.inf if value == 0 else (value - 0.5) / 127.5 - 1,
        math.inf if value == 255 else (value + 0.5) / 127.5 - 1,
    ]
    low, high = (torch.sigmoid((edge - locations[..., 0]) / scales[..., 0].exp()) for edge in edges)
    wanted = -(weights.exp() * (high - low)).sum(-1).log()
    assert torch.allclose(layer.nll(features, torch.full((4, 1), value, dtype=torch.uint8)).double(), wanted, rtol=1e-3)


@pytest.mark.parametrize("value", [0, 1, 100, 254, 255])
def test_gaussian_is_its_formula(value):
    layer, features = make(DiscretisedGaussian, spread=0.3)
    centre, deviation = layer.parameters_of(features).double()[:, 0], layer.log_deviation.double().exp()
    edges = [
        -math.inf if value == 0 else (value - 0.5) / 127.5 - 1,
        math.inf if value == 255 else (value + 0.5) / 127.5 - 1,
    ]
    low, high = (torch.special.ndtr((edge - centre) / deviation) for edge in edges)
    found = layer.nll(features, torch.full((4, 1), value, dtype=torch.uint8)).double()
    assert torch.allclose(found, -(high - low).log(), rtol=1e-3)


@pytest.mark.parametrize("kind", [DiscretisedLogistic, DiscretisedGaussian])
def test_far_tails_have_finite_values_and_gradients(kind):
    layer, features = make(kind, channels=3, spread=30.0)
    features.requires_grad_(True)
    nll = layer.nll(features, torch.tensor([0, 128, 255], dtype=torch.uint8).expand(4, 3))
    nll.sum().backward()
    assert torch.isfinite(nll).all() and torch.isfinite(features.grad).all() and (nll > 0).all()


def test_bernoulli_counts_black_and_white():
    layer, features = make(Bernoulli)
    dark, light = (layer.nll(features, torch.full((4, 1), value, dtype=torch.uint8)) for value in (127, 128))
    assert torch.allclose((-dark).exp() + (-light).exp(), torch.ones(4))


@pytest.mark.parametrize("kind", EIGHT_BIT)
def test_the_mean_is_that_of_the_distribution(kind):
    layer, features = make(kind, spread=0.1)
    values = torch.arange(256, dtype=torch.uint8)[:, None, None].expand(256, 4, 1)
    p = (-layer.nll(features.expand(256, 4, 5), values).double()).exp()
    wanted = (p * values[..., 0]).sum(0)
    assert torch.allclose(layer.mean(features)[:, 0].double(), wanted, atol=12), (
        "logistics are cut at the ends, so only about"
    )
    if kind is Softmax256:
        assert torch.allclose(layer.mean(features)[:, 0].double(), wanted, atol=1e-2)


def test_autocast_changes_nothing():
    for kind, channels in itertools.product(EIGHT_BIT, (1, 3)):
        layer, features = make(kind, channels)
        pixels = torch.randint(256, (4, channels), dtype=torch.uint8)
        with torch.autocast("cpu", torch.bfloat16):
            inside = layer.nll(features, pixels)
        assert torch.equal(inside, layer.nll(features, pixels))


@pytest.mark.parametrize("name", ["softmax256", "logistic", "gaussian", "bernoulli"])
def test_every_name_makes_one(name):
    assert likelihoods.make_likelihood(name, 4, 3, 2).nll(
        torch.zeros(2, 4), torch.zeros(2, 3, dtype=torch.uint8)
    ).shape == (2,)
