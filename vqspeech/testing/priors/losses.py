"""Losses: their terms, a distribution that sums to one, lengths, shares, conditions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vqspeech.errors import InputError
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.priors.protocol import Prior
from vqspeech.testing.modules import generator, require_gradients
from vqspeech.testing.priors.subject import MOST_ITEMS, STEPS, PriorSubject


def terms(subject: PriorSubject) -> None:
    """The loss is a finite scalar with detached terms, `criterion` among them; codes and mask have their shapes."""
    prior, batch = subject.started(), subject.batch()
    result = prior.loss(batch, generator())
    assert result.total.ndim == 0 and torch.isfinite(result.total), f"the loss is {result.total}, not a finite scalar"
    assert result.total.requires_grad, "the loss has no gradient"
    _criterion(prior, batch)
    for name, term in result.terms.items():
        assert term.ndim == 0 and torch.isfinite(term), f"the term {name!r} is {term}, not a finite scalar"
        assert not term.requires_grad, f"the term {name!r} carries a gradient; detach it"
    rows, books = batch.codes.shape[:2]
    wanted = rows, books, math.prod(batch.codes.shape[2:])
    assert tuple(result.codes.shape) == wanted, f"codes have shape {tuple(result.codes.shape)}, not {wanted}"
    assert result.codes.dtype == torch.int64, f"codes are {result.codes.dtype}, not int64"
    assert tuple(result.mask.shape) == (rows, wanted[2]), f"mask has shape {tuple(result.mask.shape)}"
    assert result.mask.dtype == torch.bool, f"mask is {result.mask.dtype}, not bool"
    if batch.lengths is not None:
        assert torch.equal(result.mask.sum(1), batch.lengths), "mask does not count the frames within lengths"


@torch.no_grad()
def sums_to_one(subject: PriorSubject) -> None:
    """The likelihoods of all items of a tiny space sum to one.

    So ``nll`` is in nats per code, a mean over codes, and no code sees itself or what follows.
    """
    tiny, prior = _tiny(subject)
    if "nll" not in prior.loss(tiny.batch()).terms:
        pytest.skip("has no term 'nll'")
    for seed in (0, 1) if tiny.space.above is not None else (0,):
        whole = _likelihoods(tiny, prior, seed).sum().item()
        assert abs(whole - 1) < 1e-3, (
            f"the likelihoods of all {len(tiny.every_item())} items sum to {whole:.4g}, not 1: a code sees itself or "
            "what follows, or nll is not in nats per code"
        )


@torch.no_grad()
def lengths(subject: PriorSubject) -> None:
    """Codes beyond `lengths` change nothing, nor do more of them; lengths that count all frames are no lengths."""
    if subject.space.grid is not None:
        pytest.skip("codes have a grid: every position counts")
    prior, plain = subject.started().eval(), subject.batch()
    assert plain.lengths is not None
    wanted = prior.loss(plain).terms
    beyond = torch.arange(subject.frames) >= plain.lengths[:, None]
    others = torch.stack(
        [torch.full_like(beyond, size - 1, dtype=torch.int64) for size in subject.space.codebook_sizes], 1
    )
    filled = plain._replace(codes=torch.where(beyond[:, None], others, plain.codes))
    _same_terms(wanted, prior.loss(filled).terms, "with other codes beyond lengths")
    _same_terms(wanted, prior.loss(subject.batch(padding=4)).terms, "with four more frames of padding")
    full = plain._replace(lengths=torch.full_like(plain.lengths, subject.frames))
    _same_terms(prior.loss(full).terms, prior.loss(plain._replace(lengths=None)).terms, "without lengths")


@torch.no_grad()
def shares(subject: PriorSubject) -> None:
    """The terms of two shares sum to those of the whole batch, in training and in evaluation mode."""
    prior, batch = subject.started(), subject.batch()
    for training in (True, False):
        prior.train(training)
        whole, one, two = (
            prior.loss(part, generator(3) if training else None)
            for part in (batch, subject.share(batch, 0, 2), subject.share(batch, 1, 2))
        )
        summed = {name: one.terms[name] + two.terms[name] for name in one.terms} | {"total": one.total + two.total}
        _same_terms(whole.terms | {"total": whole.total}, summed, "summed over two shares")


def empty_batch(subject: PriorSubject) -> None:
    """A share without rows has a loss of zero with a gradient."""
    prior = subject.started()
    try:
        total = prior.loss(subject.share(subject.batch(), 5, 6), generator()).total
        total.backward()
    except (RuntimeError, ValueError, IndexError) as error:
        raise AssertionError(f"a share without rows fails: {error}") from error
    assert total == 0, f"the loss of no row is {total}"


def learning(subject: PriorSubject) -> None:
    """Every parameter that is trained gets a finite gradient."""
    prior = subject.started()
    prior.loss(subject.batch(), generator()).total.backward()
    require_gradients(prior.named_parameters(), "the loss")


def learns(subject: PriorSubject) -> None:
    """Training lowers `criterion` on codes of the same kind."""
    batch = subject.batch(rows=16, seed=900)
    before, after = _criterion(subject.started().eval(), batch), _criterion(subject.trained(), batch)
    assert after < before, f"criterion goes from {before:.4g} to {after:.4g} in {STEPS} steps; lower is better"


def conditions_matter(subject: PriorSubject) -> None:
    """`shuffled` is `criterion` given the conditions of the next row, which is worse after training.

    It is None for a prior without conditions.
    """
    if not subject.space.conditions and subject.space.above is None:
        assert subject.started().shuffled(subject.batch()) is None, "shuffled gives a number, with nothing to shuffle"
        return
    prior, batch = subject.trained(), subject.batch(rows=6, seed=900)
    own = _criterion(prior, batch)
    swapped = batch._replace(
        condition=None if batch.condition is None else batch.condition.roll(1, 0),
        above=None if batch.above is None else batch.above.roll(1, 0),
    )
    wanted = _criterion(prior, swapped)
    given = prior.shuffled(batch)
    assert given is not None, "shuffled is None, although codes are conditioned"
    assert abs(float(given.detach()) - wanted) <= 1e-3 * (1 + abs(wanted)), (
        f"shuffled is {float(given.detach()):.4g}; the criterion given the conditions of the next row is {wanted:.4g}"
    )
    assert wanted > own, f"with the conditions of another row criterion is {wanted:.4g}, with its own {own:.4g}"


@torch.no_grad()
def reduced_precision(subject: PriorSubject) -> None:
    """Under autocast to bfloat16 terms are within 10 % of those in 32 bits."""
    prior, batch = subject.started().eval(), subject.batch()
    wanted = prior.loss(batch).terms
    with torch.autocast("cpu", torch.bfloat16):
        low = prior.loss(batch).terms
    _same_terms(wanted, low, "under autocast", tolerance=0.1)


def _criterion(prior: Prior, batch: CodeBatch) -> float:
    """The term that checkpoints are compared by."""
    named = prior.loss(batch).terms
    assert prior.criterion in named, f"criterion {prior.criterion!r} is none of the terms {', '.join(named)}"
    return float(named[prior.criterion].detach())


def _same_terms(wanted: dict[str, Tensor], given: dict[str, Tensor], how: str, tolerance: float = 1e-3) -> None:
    assert wanted.keys() == given.keys(), f"{how} there are other terms: {', '.join(given)}"
    for name, term in wanted.items():
        assert torch.isclose(given[name].float(), term.float(), rtol=tolerance, atol=1e-5), (
            f"{how} {name!r} is {given[name]:.5g}, not {term:.5g}"
        )


def _tiny(subject: PriorSubject) -> tuple[PriorSubject, Prior]:
    """The prior over a space of few items, after some steps with gradients."""
    tiny = subject.tiny()
    items = math.prod(tiny.space.codebook_sizes) ** math.prod(tiny.grid)
    if items > MOST_ITEMS:
        pytest.skip(f"the smallest space of this kind has {items} items")
    try:
        with torch.enable_grad():
            return tiny, tiny.trained()
    except (InputError, ValueError) as error:
        pytest.skip(f"cannot be built for a space of few items: {error}")


def _likelihoods(tiny: PriorSubject, prior: Prior, seed: int = 0) -> Tensor:
    """(items,) likelihood of every item, float64, all under the condition and the level above of one row."""
    condition, above = tiny.conditions(2), tiny.above(2, seed)
    row = slice(1, 2)
    one = CodeBatch(
        codes=tiny.every_item()[:1],
        condition=None if condition is None else condition[row],
        above=None if above is None else above[row],
    )
    nll = [prior.loss(one._replace(codes=item[None])).terms["nll"].double() for item in tiny.every_item()]
    return (-torch.stack(nll) * tiny.codes_per_item).exp()


CHECKS = (
    terms,
    sums_to_one,
    lengths,
    shares,
    empty_batch,
    learning,
    learns,
    conditions_matter,
    reduced_precision,
)
