"""What a prior remembers and what it draws; a second process changes nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from vqspeech.testing.modules import (
    copy_through_file,
    generator,
    global_randomness_untouched,
    require_close,
    same_bits,
    snapshot,
    unchanged,
)
from vqspeech.testing.priors.subject import PriorSubject
from vqspeech.testing.two_processes import run_in_two


@torch.no_grad()
def evaluation_changes_nothing(subject: PriorSubject) -> None:
    """Evaluation changes no state and is not random, and leaves nothing for a later `update`."""
    prior, batch = subject.started().eval(), subject.batch()
    with unchanged(prior, "evaluation"), global_randomness_untouched("evaluation"):
        first = prior.loss(batch).terms
        prior.loss(subject.batch(rows=2, seed=9))
        prior.shuffled(batch)
        second = prior.loss(batch).terms
    for name, term in first.items():
        assert torch.equal(term, second[name]), f"the term {name!r} of the same batch is another the second time"
    with unchanged(prior, "an update after evaluation"):
        prior.update(generator())


def training_noise(subject: PriorSubject) -> None:
    """Noise in training comes from the generator alone: equal generators give equal losses."""
    prior, totals = subject.started(), []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            with global_randomness_untouched("training"):
                totals.append(prior.loss(subject.batch(), generator(4)).total)
    assert torch.isclose(totals[0], totals[1], rtol=1e-4), (
        f"equal generators give losses {totals[0]:.6g} and {totals[1]:.6g}"
    )


def same_start(subject: PriorSubject) -> None:
    """`start` is a function of its batch and its generator, and leaves finite weights."""
    states = []
    for seed in (1, 2):
        prior = subject.fresh()
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            with global_randomness_untouched("start"):
                prior.start(subject.batch(), generator(2))
        states.append(snapshot(prior))
    assert not (differ := same_bits(*states)), f"the same start gives another {', '.join(differ)}"
    broken = [name for name, tensor in states[0].items() if not torch.isfinite(tensor).all()]
    assert not broken, f"start leaves values that are not finite in {', '.join(broken)}"


@torch.no_grad()
def state_round_trip(subject: PriorSubject) -> None:
    """The state goes through safetensors and a strict load; terms and samples are the same, bit for bit."""
    prior, other = subject.started().eval(), subject.fresh(seed=99).eval()
    copy_through_file(prior, other)
    loaded = other.loss(subject.batch()).terms
    for name, term in prior.loss(subject.batch()).terms.items():
        assert torch.equal(term, loaded[name]), (
            f"what was loaded has another {name!r}: some state is not in state_dict()"
        )
    assert torch.equal(subject.draw(prior, 3), subject.draw(other, 3)), "what was loaded gives other samples"


@torch.no_grad()
def two_processes(subject: PriorSubject) -> None:
    """Two processes (gloo) have the same state after `start` and `update`, and losses that sum to those of one process.

    The prior is built before the process group.
    """
    prior, batch = subject.fresh(), subject.batch()

    def work(rank: int) -> tuple[dict[str, Tensor], Tensor]:
        prior.start(batch, generator(2))
        total = prior.loss(subject.share(batch, rank, 2), generator(3)).total
        prior.update(generator(3))
        return snapshot(prior), total

    (one, first), (two, second) = run_in_two(work)
    assert not (differ := same_bits(one, two)), f"the ranks differ in {', '.join(differ)}"
    prior.start(batch, generator(2))
    total = prior.loss(batch, generator(3)).total
    prior.update(generator(3))
    require_close(first + second, total, "losses in one process and summed over two", tolerance=1e-3)
    for name, tensor in snapshot(prior).items():
        require_close(one[name].float(), tensor.float(), f"{name} after a step in one and in two processes", 1e-3)


CHECKS = (evaluation_changes_nothing, training_noise, same_start, state_round_trip, two_processes)
