"""Samples: codes in range, item for item a function of the seed, distributed as the likelihood says."""

from __future__ import annotations

import pytest
import torch

from vqspeech.nn.priors.predictor import drawn_frames
from vqspeech.testing.modules import global_randomness_untouched, unchanged
from vqspeech.testing.priors.losses import _likelihoods, _tiny
from vqspeech.testing.priors.subject import PriorSubject

DRAWS = 2000
"""Items that `follow_the_likelihood` draws."""


def sample_shapes(subject: PriorSubject) -> None:
    """`sample` gives (count, codebooks, *grid) int64 in [0, codebook_sizes[n]), for one item and for none as well."""
    prior = subject.started().eval()
    for count in (3, 1, 0):
        codes = subject.draw(prior, count)
        wanted = (count, len(subject.space.codebook_sizes), *subject.grid)
        assert tuple(codes.shape) == wanted, f"samples have shape {tuple(codes.shape)}, not {wanted}"
        assert codes.dtype == torch.int64, f"samples are {codes.dtype}, not int64"
        for book, size in enumerate(subject.space.codebook_sizes):
            own = codes[:, book]
            assert ((own >= 0) & (own < size)).all(), f"codes of codebook {book} are not in [0, {size})"
    if subject.space.grid is None:
        assert subject.draw(prior, 2, frames=2).shape[2] == 2, "frames are not what was asked for"


def items(subject: PriorSubject) -> None:
    """Item n is a function of the seed and of n; at temperature 0 each code is the likeliest, whatever the seed."""
    prior = subject.started().eval()
    four = subject.draw(prior, 4, seed=3)
    assert torch.equal(subject.draw(prior, 4, seed=3), four), "the same seed gives other codes"
    above = subject.above(4)
    two = subject.draw(prior, 2, seed=3, above=None if above is None else above[:2])
    assert torch.equal(two, four[:2]), "the first two of four items are others than two items"
    assert not torch.equal(subject.draw(prior, 4, seed=4), four), "two seeds give the same codes"
    assert len(four.flatten(1).unique(dim=0)) > 1, "all items of a seed are the same"
    likeliest = subject.draw(prior, 4, seed=3, temperature=0.0)
    assert torch.equal(subject.draw(prior, 4, seed=4, temperature=0.0), likeliest), "temperature 0 depends on the seed"
    assert torch.equal(subject.draw(prior, 4, seed=3, temperature=1e-5), likeliest), (
        "at temperature 0 codes are others than at a temperature near 0"
    )


def sampling_changes_nothing(subject: PriorSubject) -> None:
    """`sample` changes no state and no mode, leaves no gradients, and does not use the global random state."""
    prior = subject.started()
    for training in (True, False):
        prior.train(training)
        with unchanged(prior, "sample"), global_randomness_untouched("sample"):
            subject.draw(prior, 2)


def follow_the_likelihood(subject: PriorSubject) -> None:
    """Items of a tiny space are drawn as often as their likelihood says; a lower temperature prefers likely ones."""
    tiny, prior = _tiny(subject)
    with torch.no_grad():
        if "nll" not in prior.loss(tiny.batch()).terms:
            pytest.skip("has no term 'nll'")
        expected = _likelihoods(tiny, prior)
    condition, above = tiny.conditions(2), tiny.above(2)
    given = {
        "condition": None if condition is None else condition[1:2].expand(DRAWS),
        "above": None if above is None else above[1:2].expand(DRAWS, *above.shape[1:]),
    }
    every = tiny.every_item().flatten(1)

    def frequencies(temperature: float) -> torch.Tensor:
        drawn = prior.sample(DRAWS, frames=tiny.length, seed=1, temperature=temperature, **given).flatten(1)
        assert ((drawn >= 0) & (drawn < 2)).all(), "codes of codebooks with two codes are not in [0, 2)"
        weights = 2 ** torch.arange(every.shape[1])
        counts = torch.zeros(2 ** every.shape[1], dtype=torch.float64)
        counts.index_add_(0, drawn @ weights, torch.ones(DRAWS, dtype=torch.float64))
        return counts[every @ weights] / DRAWS

    plain, cold = frequencies(1.0), frequencies(0.5)
    distance = 0.5 * (plain - expected).abs().sum().item()
    chance = (expected * (1 - expected) / (2 * torch.pi * DRAWS)).clamp_min(0).sqrt().sum().item()
    assert distance < 2 * chance + 0.02, (
        f"frequencies of {DRAWS} samples are {distance:.3f} away from the likelihoods (total variation); "
        f"by chance {chance:.3f}"
    )
    gain = ((cold - plain) * expected.clamp_min(1e-12).log()).sum().item()
    assert gain > 0, "at temperature 0.5 items are no likelier than at 1"


@torch.no_grad()
def one_by_one(subject: PriorSubject) -> None:
    """A `predictor` agrees with the loss and with `sample`; a row has the same bits whatever the others are.

    A prior may have none.
    """
    prior, rows = subject.started().eval(), 3
    batch = subject.batch(rows)._replace(lengths=None)
    if subject.space.above is not None or prior.predictor(rows, batch.condition) is None:
        pytest.skip("has no predictor")
    codes = batch.codes.flatten(2)

    def predicted(chosen: list[int]) -> list[torch.Tensor]:
        predictor = prior.predictor(len(chosen), None if batch.condition is None else batch.condition[chosen])
        assert predictor is not None
        every = []
        for own in codes[chosen].transpose(1, 2).flatten(1).unbind(1):
            every.append(predictor.logits())
            assert every[-1].dtype == torch.float32, f"logits are {every[-1].dtype}, not float32"
            predictor.push(own)
        return every

    whole = predicted([0, 1, 2])
    if "nll" in (terms := prior.loss(batch).terms):
        own = codes.transpose(1, 2).flatten(1).unbind(1)
        given = torch.stack([torch.nn.functional.cross_entropy(*each) for each in zip(whole, own, strict=True)]).mean()
        assert abs(given - terms["nll"]) < 1e-3 * (1 + terms["nll"]), (
            f"codes cost {given:.5g} nats one by one, and {terms['nll']:.5g} in the loss"
        )
    for chosen in ([1], [2, 0]):
        same = all(torch.equal(one, every[chosen]) for one, every in zip(predicted(chosen), whole, strict=True))
        assert same, "the numbers of a row depend on the other rows"
    predictor = prior.predictor(rows, batch.condition)
    assert predictor is not None
    drawn = torch.stack(list(drawn_frames(predictor, 0, codes.shape[2], temperature=0.0)), 2)
    likeliest = subject.draw(prior, rows, temperature=0.0).flatten(2)
    assert torch.equal(drawn, likeliest), "at temperature 0 codes one by one are others than those of `sample`"


CHECKS = (sample_shapes, items, sampling_changes_nothing, follow_the_likelihood, one_by_one)
