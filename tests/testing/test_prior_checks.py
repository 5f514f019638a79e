"""The checks of priors: a sound prior passes them all; one with a single fault fails the check meant for it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vqspeech.errors import UnknownNameError
from vqspeech.nn.batch import LossTerms
from vqspeech.nn.priors.protocol import CodeSpace, Prior
from vqspeech.nn.share import uniforms
from vqspeech.testing import prior_checks
from vqspeech.testing.priors import CHECKS
from vqspeech.testing.priors.subject import PriorSubject


class Sound(Prior):
    """A GRU over the frames before, then one codebook after the other; the faulty ones differ from it in one point."""

    def __init__(self, space, *, channels=24):
        super().__init__()
        self.sizes, self.conditions = space.codebook_sizes, space.conditions
        self.before = nn.ModuleList(nn.Embedding(size, channels) for size in self.sizes)
        self.inside = nn.ModuleList(nn.Embedding(size, channels) for size in self.sizes[:-1])
        self.first = nn.Parameter(torch.zeros(channels))
        self.speaker = nn.Embedding(space.conditions, channels) if space.conditions else None
        self.recurrent = nn.GRU(channels, channels, batch_first=True)
        self.heads = nn.ModuleList(nn.Linear(channels, size) for size in self.sizes)
        self.register_buffer("scale", torch.ones(()))

    def start(self, batch, generator):
        self.scale.copy_(1 + batch.codes.float().mean() / 100)

    def shifted(self, codes):
        embedded = sum(table(codes[:, book]) for book, table in enumerate(self.before))
        first = self.first.expand(len(codes), 1, -1)
        return torch.cat([first, embedded[:, :-1]], 1)

    def hidden(self, codes, condition):
        inputs = self.scale * self.shifted(codes)
        if self.speaker is not None:
            inputs = inputs + self.speaker(condition)[:, None]
        return self.recurrent(inputs)[0] if len(codes) else inputs + sum(p.sum() for p in self.recurrent.parameters())

    def logits(self, hidden, codes, book):
        for other in range(book):
            hidden = hidden + self.inside[other](codes[:, other])
        return self.heads[book](hidden)

    def nll(self, batch, generator):
        hidden = self.hidden(batch.codes, batch.condition)
        if generator is not None and self.training:
            hidden = hidden + self.noise(hidden, batch.share, generator)
        parts = [
            F.cross_entropy(self.logits(hidden, batch.codes, book).float().mT, batch.codes[:, book], reduction="none")
            for book in range(len(self.sizes))
        ]
        return torch.stack(parts, 1)

    def noise(self, hidden, share, generator):
        return uniforms((len(hidden), 1, hidden.shape[2]), share, generator, hidden.device).float()

    def mask(self, batch):
        frames = torch.arange(batch.codes.shape[2])
        rows = torch.full((len(batch.codes),), len(frames)) if batch.lengths is None else batch.lengths
        return frames < rows[:, None]

    def frames(self, batch, mask):
        return max(1, int(mask.sum()) if batch.share is None else batch.share.frames)

    def loss(self, batch, generator=None):
        mask = self.mask(batch)
        nll = (self.nll(batch, generator) * mask[:, None]).sum() / (self.frames(batch, mask) * self.per(batch))
        return LossTerms(nll, {"nll": nll.detach()}, batch.codes, mask)

    def per(self, batch):
        return len(self.sizes)

    @torch.no_grad()
    def shuffled(self, batch):
        if self.speaker is None:
            return None
        return self.loss(batch._replace(condition=self.next_row(batch.condition))).terms["nll"]

    def next_row(self, condition):
        return condition.roll(1, 0)

    @torch.no_grad()
    def sample(self, count, *, frames=None, condition=None, above=None, seed=0, temperature=1.0):
        draws = self.draws(count, frames, seed)
        codes = torch.zeros(count, len(self.sizes), frames, dtype=torch.int64)
        for frame in range(frames):
            hidden = self.hidden(codes[..., : frame + 1], condition)[:, frame:] if count else torch.zeros(0, 1, 24)
            for book in range(len(self.sizes)):
                logits = self.logits(hidden, codes[..., frame : frame + 1], book)[:, 0] / self.divisor(temperature)
                codes[:, book, frame] = self.pick(logits.softmax(-1), draws[:, frame, book])
        return codes

    def draws(self, count, frames, seed):
        rows = [
            torch.rand(frames, len(self.sizes), generator=torch.Generator().manual_seed(1000 * seed + row))
            for row in range(count)
        ]
        return torch.stack(rows) if rows else torch.zeros(0, frames, len(self.sizes))

    def divisor(self, temperature):
        return max(temperature, 1e-6)

    def pick(self, probabilities, uniform):
        return (probabilities.cumsum(-1) < uniform[:, None]).sum(-1).clamp(max=probabilities.shape[1] - 1)


class AnotherCriterion(Sound):
    criterion = "bits"


class Attached(Sound):
    def loss(self, batch, generator=None):
        result = super().loss(batch, generator)
        return result._replace(terms={"nll": result.total})


class AllFramesCount(Sound):
    def loss(self, batch, generator=None):
        result = super().loss(batch, generator)
        return result._replace(mask=torch.ones_like(result.mask))


class SeesItself(Sound):
    def shifted(self, codes):
        embedded = sum(table(codes[:, book]) for book, table in enumerate(self.before))
        return embedded + 0 * self.first


class BitsPerFrame(Sound):
    def per(self, batch):
        return 1


class LooksBeyond(Sound):
    def mask(self, batch):
        return super().mask(batch._replace(lengths=None))

    def loss(self, batch, generator=None):
        result = super().loss(batch, generator)
        return result._replace(mask=Sound.mask(self, batch))


class MeanOfShare(Sound):
    def frames(self, batch, mask):
        return max(1, int(mask.sum()))


class NoiseOfShare(Sound):
    def noise(self, hidden, share, generator):
        return 3 * super().noise(hidden, None, generator)


class NoRows(Sound):
    def nll(self, batch, generator):
        return super().nll(batch, generator) + batch.codes.max() * 0


class IdleParameter(Sound):
    def __init__(self, space, *, channels=24):
        super().__init__(space, channels=channels)
        self.idle = nn.Parameter(torch.zeros(3))


class HigherIsBetter(Sound):
    criterion = "likelihood"

    def loss(self, batch, generator=None):
        result = super().loss(batch, generator)
        part = 1.0 if batch.share is None else len(batch.codes) / batch.share.rows
        return result._replace(terms=result.terms | {"likelihood": part - 0.1 * result.terms["nll"]})

    @torch.no_grad()
    def shuffled(self, batch):
        return 1 - 0.1 * super().shuffled(batch)


class IgnoresSpeakers(Sound):
    def hidden(self, codes, condition):
        return super().hidden(codes, 0 * condition)


class NothingToShuffle(Sound):
    def shuffled(self, batch):
        return None


class ShufflesOtherwise(Sound):
    def next_row(self, condition):
        return condition


class CancelsInHalf(Sound):
    def logits(self, hidden, codes, book):
        return super().logits(hidden, codes, book) + 3000 - 3000


class ShortCodes(Sound):
    def sample(self, count, **options):
        return super().sample(count, **options).int()


class OneTooMany(Sound):
    def sample(self, count, **options):
        codes = super().sample(count, **options)
        codes[:1, -1, -1] = self.sizes[-1]
        return codes


class OneStream(Sound):
    def draws(self, count, frames, seed):
        return torch.rand(count, frames, len(self.sizes), generator=torch.Generator().manual_seed(seed + count))


class IgnoresSeed(Sound):
    def draws(self, count, frames, seed):
        return super().draws(count, frames, 0)


class DividesByZero(Sound):
    def divisor(self, temperature):
        return temperature


class StaysInEvaluation(Sound):
    def sample(self, count, **options):
        self.eval()
        return super().sample(count, **options)


class GlobalDraws(Sound):
    def sample(self, count, **options):
        torch.rand(1)
        return super().sample(count, **options)


class SamplesLateCodes(Sound):
    """Draws each code from the distribution of the first."""

    def pick(self, probabilities, uniform):
        return super().pick(probabilities * 0 + 1 / probabilities.shape[1], uniform)


class IgnoresTemperature(Sound):
    def divisor(self, temperature):
        return 1.0


class FollowsScale(Sound):
    def mask(self, batch):
        if not self.training:
            self.scale.mul_(1 + 1e-6)
        return super().mask(batch)


class CountsCalls(Sound):
    calls = 0

    def mask(self, batch):
        self.calls += 1
        return super().mask(batch)

    def logits(self, hidden, codes, book):
        return super().logits(hidden, codes, book) * (1 + 1e-6 * self.calls)


class UpdatesAfterEvaluation(Sound):
    seen = False

    def mask(self, batch):
        self.seen = True
        return super().mask(batch)

    def update(self, generator):
        if self.seen:
            self.scale.mul_(1 + 1e-6)


class Dropout(Sound):
    def noise(self, hidden, share, generator):
        torch.rand(1)
        return super().noise(hidden, share, generator)


class RandomStart(Sound):
    def start(self, batch, generator):
        self.scale.mul_(1 + torch.rand(()))


class ForgetsScale(Sound):
    def __init__(self, space, *, channels=24):
        super().__init__(space, channels=channels)
        del self.scale
        self.register_buffer("scale", torch.ones(()), persistent=False)


class StartOfItsOwn(Sound):
    def start(self, batch, generator):
        ranks = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
        rank = torch.distributed.get_rank() if ranks > 1 else 0
        super().start(batch._replace(codes=batch.codes[rank::ranks]), generator)


class MeanOverProcesses(Sound):
    def frames(self, batch, mask):
        processes = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
        return super().frames(batch, mask) * processes


FAULTS = {
    "terms": [
        (AnotherCriterion, "none of the terms"),
        (Attached, "carries a gradient"),
        (AllFramesCount, "frames within lengths"),
    ],
    "sums_to_one": [(SeesItself, "sees itself"), (BitsPerFrame, "not in nats per code")],
    "lengths": [(LooksBeyond, "beyond lengths")],
    "shares": [(MeanOfShare, "summed over two shares"), (NoiseOfShare, "summed over two shares")],
    "empty_batch": [(NoRows, "a share without rows fails")],
    "learning": [(IdleParameter, "the parameter idle no gradient")],
    "learns": [(HigherIsBetter, "lower is better")],
    "conditions_matter": [
        (IgnoresSpeakers, "conditions of another row"),
        (NothingToShuffle, "shuffled is None"),
        (ShufflesOtherwise, "conditions of the next row"),
    ],
    "reduced_precision": [(CancelsInHalf, "under autocast")],
    "sample_shapes": [(ShortCodes, "int32, not int64"), (OneTooMany, "are not in")],
    "items": [
        (OneStream, "others than two items"),
        (IgnoresSeed, "two seeds give the same"),
        (DividesByZero, "temperature 0"),
    ],
    "sampling_changes_nothing": [(StaysInEvaluation, "another mode"), (GlobalDraws, "global random state")],
    "follow_the_likelihood": [(SamplesLateCodes, "total variation"), (IgnoresTemperature, "no likelier than at 1")],
    "evaluation_changes_nothing": [
        (FollowsScale, "evaluation changes scale"),
        (CountsCalls, "another the second time"),
        (UpdatesAfterEvaluation, "an update after evaluation changes scale"),
    ],
    "training_noise": [(Dropout, "global random state")],
    "same_start": [(RandomStart, "global random state")],
    "state_round_trip": [(ForgetsScale, "some state is not in state_dict")],
    "two_processes": [(StartOfItsOwn, "ranks differ in scale"), (MeanOverProcesses, "summed over two")],
}

ALSO = {
    AnotherCriterion: {"learns", "conditions_matter"},
    HigherIsBetter: {"conditions_matter"},
    ShortCodes: {"follow_the_likelihood"},
    OneTooMany: {"follow_the_likelihood"},
    BitsPerFrame: {"follow_the_likelihood"},
    IgnoresTemperature: {"items"},
    SamplesLateCodes: {"items"},
    SeesItself: {"follow_the_likelihood"},
    LooksBeyond: {"shares"},
}
"""Further checks that a fault fails by its nature."""


@prior_checks(Sound)
def test_a_sound_prior_passes(check):
    check()


@prior_checks(Sound, space=CodeSpace(codebook_sizes=(6,)))
def test_a_sound_prior_without_conditions_passes(check):
    check()


def test_every_check_has_a_fault_that_it_finds():
    assert [check.__name__ for check in CHECKS] == list(FAULTS)


CASES = [pytest.param(name, *case, id=f"{name}-{case[0].__name__}") for name, cases in FAULTS.items() for case in cases]


@pytest.mark.parametrize(("name", "faulty", "message"), CASES)
def test_a_faulty_prior_fails_the_check_meant_for_it(name, faulty, message, monkeypatch):
    monkeypatch.setattr("vqspeech.testing.two_processes.LIMIT_S", 8.0)
    (check,) = (check for check in CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(PriorSubject(faulty))


@pytest.mark.parametrize(("name", "faulty", "message"), CASES)
def test_a_faulty_prior_fails_no_other_check(name, faulty, message):
    for check in CHECKS:
        if check.__name__ not in {name, "two_processes"} | ALSO.get(faulty, set()):
            try:
                check(PriorSubject(faulty))
            except AssertionError as error:
                raise AssertionError(f"{faulty.__name__} also fails {check.__name__}: {error}") from error


def test_an_expected_failure_of_no_check_is_an_error():
    with pytest.raises(UnknownNameError, match=r"unknown check 'item'.*Did you mean 'items'"):
        prior_checks(Sound, expected_failures={"item": "because"})
