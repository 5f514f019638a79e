"""Codes one after the other: the draws of the whole network, for every kind of network, length and batch."""

from random import Random

import numpy as np
import pytest
import torch

from vqspeech.errors import InputError
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.priors.draws import draw, uniform_grid
from vqspeech.nn.priors.naive import sample_naive
from vqspeech.nn.priors.predictor import drawn_frames, feed
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.nn.priors.transformer import transformer
from vqspeech.nn.priors.wavenet import wavenet


def a_space(random):
    sizes = tuple(random.choice([2, 3, 7, 16, 40]) for _ in range(random.randint(1, 3)))
    return CodeSpace(codebook_sizes=sizes, conditions=random.choice([0, 3]))


def a_wavenet(seed):
    random = Random(seed)
    options = {
        "cycles": random.randint(1, 3),
        "layers_per_cycle": random.randint(1, 4),
        "kernel_size": random.randint(2, 4),
        "residual_channels": random.choice([3, 8, 16, 20]),
        "skip_channels": random.choice([5, 16]),
        "head_channels": random.choice([6, 24]),
        "condition_channels": 4,
        "dropout": random.choice([0.0, 0.3]),
    }
    return wavenet(a_space(random), **options)


def a_transformer(seed):
    random = Random(seed)
    heads, each = random.randint(1, 3), random.choice([2, 6, 8])
    options = {
        "layers": random.randint(1, 3),
        "heads": heads,
        "width": heads * each,
        "inner": random.choice([5, 16]),
        "window": random.choice([1, 4, 13, 64]),
        "head_channels": random.choice([6, 24]),
        "dropout": random.choice([0.0, 0.3]),
    }
    return transformer(a_space(random), **options)


MAKERS = [a_wavenet, a_transformer]


def made(make, seed):
    """A network with random weights, some of them large, so that its codes follow one another."""
    torch.manual_seed(seed)
    prior = make(seed).eval()
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return prior


def conditions(prior, rows):
    return torch.arange(rows) % prior.space.conditions if prior.space.conditions else None


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("seed", range(12))
def test_cached_draws_are_those_of_the_whole_network(make, seed):
    prior, random = made(make, seed), Random(seed)
    rows, frames = random.randint(1, 4), random.randint(1, 40)
    temperature, condition = random.choice([1.0, 0.7, 0.0]), conditions(prior, rows)
    uniform = uniform_grid(seed, range(rows), len(prior.codebook_sizes), (1, frames))
    naive = sample_naive(prior.double(), uniform, condition, temperature=temperature)[:, :, 0]
    assert torch.equal(
        prior.float().sample(rows, frames=frames, condition=condition, seed=seed, temperature=temperature), naive
    )


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("seed", range(6))
def test_predictions_are_the_likelihood_of_training(make, seed):
    prior = made(make, seed)
    rows, condition = 3, conditions(prior, 3)
    codes = torch.stack([torch.randint(size, (rows, 30)) for size in prior.codebook_sizes], 1)
    wanted = prior.double().code_nats(CodeBatch(codes, condition=condition))
    predictor, given = prior.float().predictor(rows, condition), torch.zeros_like(wanted)
    for frame in range(30):
        for book in range(codes.shape[1]):
            own = codes[:, book, frame]
            given[:, book, frame] = torch.nn.functional.cross_entropy(predictor.logits(), own, reduction="none")
            predictor.push(own)
    assert torch.allclose(given, wanted, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("seed", range(8))
def test_a_row_has_the_same_bits_in_any_batch_and_with_any_threads(make, seed):
    prior = made(make, seed)
    codes = torch.stack([torch.randint(size, (5, 20)) for size in prior.codebook_sizes], 1)
    condition = conditions(prior, 5)

    def predicted(rows):
        own = prior.predictor(len(rows), None if condition is None else condition[rows])
        feed(own, codes[rows])
        return own.logits()

    whole, threads = predicted([0, 1, 2, 3, 4]), torch.get_num_threads()
    for rows in ([2], [4, 0], [3, 3, 3]):
        assert torch.equal(predicted(rows), whole[rows])
    torch.set_num_threads(threads + 1)
    try:
        assert torch.equal(predicted([1]), whole[[1]])
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("make", MAKERS)
def test_drawing_goes_on_after_a_prompt_as_after_its_own_codes(make):
    prior = made(make, 5)
    condition = conditions(prior, 2)
    whole = torch.stack(list(drawn_frames(prior.predictor(2, condition), 1, 30)), 2)
    predictor = prior.predictor(2, condition)
    feed(predictor, whole[:, :, :12])
    (after,) = drawn_frames(predictor, 9, 1, items=[4, 5])
    again = prior.predictor(2, condition)
    list(drawn_frames(again, 1, 12))
    (same,) = drawn_frames(again, 9, 1, items=[4, 5])
    assert torch.equal(after, same)


def kept_bytes(predictor):
    parts = [part for part in vars(predictor).values() if isinstance(part, tuple | list)]
    arrays = [each for part in [*parts, vars(predictor).values()] for each in part if isinstance(each, np.ndarray)]
    return sum(array.nbytes for array in arrays)


@pytest.mark.parametrize("make", MAKERS)
def test_memory_does_not_grow_with_the_codes(make):
    prior = made(make, 2)
    predictor = prior.predictor(2, conditions(prior, 2))
    for _ in drawn_frames(predictor, 0, 2):
        pass
    before = kept_bytes(predictor)
    for _ in drawn_frames(predictor, 0, 300):
        pass
    assert kept_bytes(predictor) == before > 1000


def test_the_nucleus_is_the_fewest_codes_with_the_share():
    logits = torch.tensor([[0.1, 0.4, 0.05, 0.25, 0.2]]).log()
    uniform = torch.linspace(0, 1 - 1e-9, 101, dtype=torch.float64)

    def drawn(top_p):
        return set(draw(logits.expand(101, -1), uniform, 1.0, top_p).tolist())

    assert drawn(1.0) == {0, 1, 2, 3, 4} and drawn(0.9) == {1, 3, 4, 0}
    assert drawn(0.6) == {1, 3} and drawn(0.39) == drawn(1e-9) == {1}
    shares = [(draw(logits.expand(101, -1), uniform, 1.0, 0.6) == code).float().mean() for code in (1, 3)]
    assert abs(shares[0] - 0.4 / 0.65) < 0.02 and abs(shares[1] - 0.25 / 0.65) < 0.02


def test_what_cannot_be_drawn():
    prior = made(a_wavenet, 0)
    for options, says in (({"top_p": 0.0}, "top-p 0"), ({"top_p": 1.5}, "top-p 1.5"), ({"temperature": -1}, "-1")):
        with pytest.raises(InputError, match=says):
            list(drawn_frames(prior.predictor(1, conditions(prior, 1)), 0, 2, **options))
