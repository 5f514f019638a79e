"""Priors with one fault each, which the check of that fault must find."""

from __future__ import annotations

import torch
from sound_prior import OneByOne, Sound
from torch import nn


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


class ForgetsTheFrame(Sound):
    """Its predictor takes the codebooks of a frame as independent."""

    def predictor(self, rows, condition=None):
        class Forgets(OneByOne):
            def row_logits(self, codes, row, book):
                codes = torch.cat([codes[:, :, :-1], torch.zeros_like(codes[:, :, -1:])], 2)
                return super().row_logits(codes, row, book)

        return Forgets(self, rows, condition)


class SharesRows(Sound):
    """What its predictor gives for a row depends, in the last bits, on the number of rows."""

    def predictor(self, rows, condition=None):
        class Rounds(OneByOne):
            def row_logits(self, codes, row, book):
                return super().row_logits(codes, row, book) * (1 + 1e-6 * self.rows)

        return Rounds(self, rows, condition)


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
