"""Cached sampling is naive sampling draw for draw, and draws follow the probabilities."""

import numpy as np
import pytest
import torch

from vqspeech.errors import InputError
from vqspeech.nn.priors.cached import sample_cached
from vqspeech.nn.priors.draws import draw, uniform_grid
from vqspeech.nn.priors.gated import GatedPixelCNN
from vqspeech.nn.priors.naive import sample_naive


def prior(sizes, seed=0, **values):
    torch.manual_seed(seed)
    model = GatedPixelCNN(sizes, **{"layers": 3, "width": 8, "first_kernel": 5, "head_width": 8, **values}).eval()
    for layer in model.logits:
        # Far from uniform, so that a wrong feature changes draws.
        torch.nn.init.normal_(layer.weight, 0, 2.0)
    return model


@pytest.mark.parametrize("seed", range(24))
def test_cached_is_naive_draw_for_draw(seed):
    """Over grids, one column or row among them, codebooks, kernels, depths, attention, classes, coarser codes."""
    choose = np.random.default_rng(seed)
    rows, columns = (1, 6) if seed == 0 else (6, 1) if seed == 1 else choose.integers(1, 7, 2).tolist()
    batch, layers, classes = int(choose.integers(1, 4)), int(choose.integers(1, 5)), int(choose.choice([0, 4]))
    sizes = ((7,), (5, 3), (2, 4, 3))[choose.integers(3)]
    first, kernel = ((3, 3), (5, 3), (7, 3), (3, 5))[choose.integers(4)]
    attention = {"attention_blocks": min(layers, seed % 4), "attention_heads": 1 + seed % 3, "attention_width": 4}
    coarse = ((), (6,), (3, 2))[choose.integers(3)]
    values = {"layers": layers, "first_kernel": first, "kernel": kernel, "classes": classes, **attention}
    model = prior(sizes, seed, coarse_sizes=coarse, coarse_blocks=1, **values)
    uniform = uniform_grid(seed, range(batch), len(sizes), (rows, columns))
    labels = torch.arange(batch) % classes if classes else None
    shape = batch, -(-rows // 2), -(-columns // 2)
    top = torch.stack([torch.randint(size, shape) for size in coarse], 1) if coarse else None
    wanted = sample_naive(model, uniform, labels, coarse=top)
    assert torch.equal(sample_cached(model, uniform, labels, coarse=top), wanted)


@pytest.mark.parametrize("blocks", [0, 2])
def test_cost_of_a_code_does_not_grow_with_the_grid(blocks):
    """Multiplications of a position: as many on 4 x 6 as on 12 x 6, without attention's weights times values."""
    from torch.utils.flop_counter import FlopCounterMode

    model, costs = prior((5,), attention_blocks=blocks), []
    for rows in (4, 12):
        with FlopCounterMode(display=False) as counter:
            sample_cached(model, uniform_grid(0, range(2), 1, (rows, 6)))
        costs.append(counter.get_total_flops() / (rows * 6))
    assert costs[0] == costs[1] > 0


@pytest.mark.parametrize("temperature", [0.0, 0.5, 2.0])
def test_temperature_is_the_same_in_both(temperature):
    model, uniform = prior((9,)), uniform_grid(3, range(2), 1, (5, 5))
    cached = sample_cached(model, uniform, temperature=temperature)
    assert torch.equal(cached, sample_naive(model, uniform, temperature=temperature))


def test_an_image_does_not_depend_on_those_beside_it():
    model = prior((9,))
    alone = sample_cached(model, uniform_grid(3, range(4, 5), 1, (5, 5)))
    among = sample_cached(model, uniform_grid(3, range(2, 6), 1, (5, 5)))
    assert torch.equal(alone[0], among[2])


def test_draws_are_as_frequent_as_the_logits_say():
    p = torch.tensor([0.1, 0.0, 0.6, 0.3])
    uniform = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    drawn = draw(p.log().expand(1000, 4), uniform, 1.0)
    assert torch.bincount(drawn, minlength=4).tolist() == [100, 0, 600, 300]
    assert draw(p.log()[None], torch.tensor([0.999999999999]), 1.0).item() == 3
    assert draw(p.log()[None], torch.tensor([0.0], dtype=torch.float64), 1.0).item() == 0


def test_samples_have_the_probabilities_of_the_prior():
    """Of 2 x 1 grids of three codes: 3,000 samples against exp(-nll)."""
    model = prior((3,))
    drawn = sample_cached(model, uniform_grid(0, range(3000), 1, (2, 1)))
    grids = torch.cartesian_prod(torch.arange(3), torch.arange(3)).view(9, 1, 2, 1)
    wanted = (-model.nll(grids).flatten(1).sum(1)).exp()
    found = torch.bincount(drawn[:, 0, 0, 0] * 3 + drawn[:, 0, 1, 0], minlength=9) / 3000
    assert torch.allclose(found, wanted, atol=0.035)


@pytest.mark.parametrize("temperature", [-1.0, float("nan"), float("inf")])
def test_temperatures_that_cannot_be(temperature):
    with pytest.raises(InputError, match="temperature"):
        sample_cached(prior((3,)), uniform_grid(0, range(1), 1, (2, 2)), temperature=temperature)
