"""Random numbers of models: the same with and without repetition, in the same places, and none forgotten."""

import torch
from tiny import rng

from vqspeech.nn.draws import RepeatedDraws, drawn
from vqspeech.nn.share import Share, normals, uniforms

CPU = torch.device("cpu")


def step(generator):
    """The numbers of a step: of two kinds, with and without a share."""
    share = Share(rank=1, ranks=2, rows=5)
    return [
        drawn(lambda source: torch.rand(3, generator=source), generator, CPU),
        uniforms((2, 4), share, generator, CPU),
        normals((5, 2), None, generator, CPU),
    ]


def repeated(seed):
    draws = RepeatedDraws()
    draws.manual_seed(seed)
    return draws


def test_repeated_draws_are_those_of_a_generator():
    draws = repeated(0)
    first = step(draws)
    assert all(torch.equal(one, other) for one, other in zip(first, step(rng(0)), strict=True))
    assert all(one is other for one, other in zip(step(draws.again()), first, strict=True))
    for seed in (5, 6):
        draws.refill(rng(seed))
        assert all(torch.equal(one, other) for one, other in zip(first, step(rng(seed)), strict=True))


def test_draws_that_are_not_kept_are_noticed():
    draws = repeated(0)
    step(draws)
    assert draws.is_complete(rng(0))
    torch.rand(1, generator=draws)
    assert not draws.is_complete(rng(0))


def test_shares_draw_their_rows_of_the_whole():
    for kind in (uniforms, normals):
        whole = kind((5, 3), None, rng(1), CPU)
        assert whole.dtype == (torch.float64 if kind is uniforms else torch.float32)
        for rank in range(2):
            rows = len(range(rank, 5, 2))
            assert torch.equal(kind((rows, 3), Share(rank, 2, 5), rng(1), CPU), whole[rank::2])
        assert torch.equal(kind((5, 3), None, None, CPU), kind((5, 3), None, rng(0), CPU))
