"""The checks of quantizers: a sound quantizer passes them all, and one with a single fault fails the check meant for that fault."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vqspeech.errors import InputError, UnknownNameError
from vqspeech.nn.quantize import Quantized, Quantizer
from vqspeech.nn.share import uniforms
from vqspeech.testing import quantizer_checks
from vqspeech.testing.quantizers import CHECKS
from vqspeech.testing.quantizers.subject import QuantizerSubject


class Sound(Quantizer):
    """Two residual levels of moving averages, as plain as they can be; the faulty ones below differ from it in one point each."""

    decay, share, every = 0.9, 0.1, 5

    def __init__(self, dim, *, codebook_size=16):
        super().__init__()
        self.dim, self.codebook_sizes = dim, (codebook_size, codebook_size)
        self.register_buffer("counts", torch.ones(2, codebook_size))
        self.register_buffer("sums", torch.randn(2, codebook_size, dim))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.pending = []

    def _apply(self, fn, recurse=True):
        before = dict(self._buffers)
        super()._apply(fn, recurse)
        self._buffers.update(before)
        return self

    def codebook(self, level):
        return self.sums[level] / self.counts[level, :, None]

    def nearest(self, frames, level):
        return torch.cdist(frames.double(), self.codebook(level).double()).argmin(-1)

    def levels(self, z, mask):
        with torch.autocast("cpu", enabled=False):
            frames = z.float().mT
            if mask is not None:
                frames = frames.masked_fill(~mask[..., None], 0.0)
            rest, found = frames, []
            for level in (0, 1):
                codes = self.nearest(rest.detach(), level)
                codes = codes if mask is None else codes * mask
                e = self.codebook(level)[codes]
                e = e if mask is None else e * mask[..., None]
                found.append((rest, codes, e))
                rest = rest - e.detach()
            return frames, found

    def forward(self, z, mask=None):
        frames, found = self.levels(z, mask)
        z_q = sum(e for _, _, e in found)
        z_q = frames + (z_q - frames).detach()
        real = torch.ones(z.shape[0], z.shape[2], dtype=torch.bool) if mask is None else mask
        if self.training:
            self.collect([(rest.detach()[real], codes[real]) for rest, codes, _ in found])
        result = Quantized(z_q.mT, torch.stack([codes for _, codes, _ in found], 1), self.losses(found, real))
        return result

    def losses(self, found, real):
        squares = torch.stack([(rest - e.detach()).square().sum() for rest, _, e in found])
        return {"commitment": squares.sum() / real.sum().clamp_min(1)}

    def collect(self, levels):
        self.pending.append(levels)

    def encode(self, z, mask=None):
        return torch.stack([codes for _, codes, _ in self.levels(z, mask)[1]], 1)

    def decode(self, codes):
        return sum(self.codebook(level)[codes[:, level]] for level in (0, 1)).mT

    @torch.no_grad()
    def start(self, frames, generator):
        for level in (0, 1):
            self.counts[level] = 1
            picks = torch.randint(len(frames), self.counts[level].shape, generator=generator)
            self.sums[level] = frames[picks] / (1 + 3 * level)

    @torch.no_grad()
    def update(self, generator):
        if not self.pending:
            return
        batches, self.pending = self.pending, []
        self.updates += 1
        for level in (0, 1):
            frames = torch.cat([batch[level][0] for batch in batches])
            codes = torch.cat([batch[level][1] for batch in batches])
            counts = torch.zeros_like(self.counts[level]).index_add_(0, codes, torch.ones(len(codes)))
            sums = torch.zeros_like(self.sums[level]).index_add_(0, codes, frames)
            self.reduce(counts, sums)
            self.average(level, counts, sums)
            if self.updates % self.every == 0:
                self.revive(level, frames, generator)

    def reduce(self, counts, sums):
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(counts)
            torch.distributed.all_reduce(sums)

    def average(self, level, counts, sums):
        book = self.codebook(level)
        self.counts[level] = (self.decay * self.counts[level] + (1 - self.decay) * counts).clamp_min(1e-6)
        sums = self.decay * self.sums[level] + (1 - self.decay) * sums
        self.sums[level] = torch.where(self.counts[level, :, None] > 1e-6, sums, 1e-6 * book)

    def revive(self, level, frames, generator):
        mean = self.counts[level].mean()
        rare = self.counts[level] < self.share * mean
        if len(frames):
            picks = frames[torch.randint(len(frames), rare.shape, generator=generator)]
            self.sums[level] = torch.where(rare[:, None], mean * picks, self.sums[level])
            self.counts[level] = torch.where(rare, mean, self.counts[level])
        if torch.distributed.is_initialized():
            torch.distributed.broadcast(self.sums, 0)
            torch.distributed.broadcast(self.counts, 0)


class Noisy(Sound):
    """Codes of latents with uniform noise, in training."""

    stochastic = True

    def forward(self, z, mask=None, *, generator=None, share=None):
        return super().forward(
            z if generator is None or not self.training else z + self.noise(z, generator, share), mask
        )

    def noise(self, z, generator, share):
        return uniforms(tuple(z.shape), share, generator, z.device).float()


def changed(result, **values):
    return Quantized(**{"z_q": result.z_q, "codes": result.codes, "losses": result.losses} | values)


class ShortCodes(Sound):
    def forward(self, z, mask=None):
        result = super().forward(z, mask)
        return changed(result, codes=result.codes.int())


class NanOfNoFrames(Sound):
    def losses(self, found, real):
        squares = torch.stack([(rest - e.detach()).square().sum() for rest, _, e in found])
        return {"commitment": squares.sum() / real.sum()}


class OneTooMany(Sound):
    def encode(self, z, mask=None):
        return super().encode(z, mask) + (z.mean() > 100).long() * self.codebook_sizes[0]


class OtherDecode(Sound):
    def decode(self, codes):
        return super().decode(codes.flip(1))


class NoGradient(Sound):
    def forward(self, z, mask=None):
        result = super().forward(z, mask)
        return changed(result, z_q=result.z_q.detach())


class DetachedLevel(Sound):
    def losses(self, found, real):
        return super().losses(
            [(rest if level == 0 else rest.detach(), c, e) for level, (rest, c, e) in enumerate(found)], real
        )


class LowPrecision(Sound):
    def nearest(self, frames, level):
        return torch.cdist(frames.bfloat16().float(), self.codebook(level).bfloat16().float()).argmin(-1)

    def levels(self, z, mask):
        if z.dtype == torch.float32 and not torch.is_autocast_enabled("cpu"):
            self.nearest = lambda frames, level: Sound.nearest(self, frames, level)
        frames, found = super().levels(z, mask)
        self.__dict__.pop("nearest", None)
        return frames, found


class BranchOnData(Sound):
    def encode(self, z, mask=None):
        if bool((z > 100).any()):
            z = z.clamp(max=100)
        return super().encode(z, mask)


class LooksUnderTheMask(Sound):
    def forward(self, z, mask=None):
        result = super().forward(z, mask)
        return changed(
            result, losses={"commitment": result.losses["commitment"] + 0.01 * z.detach().nan_to_num().square().mean()}
        )


class OtherWithMask(Sound):
    def forward(self, z, mask=None):
        result = super().forward(z, mask)
        return result if mask is None else changed(result, losses={n: loss * 2 for n, loss in result.losses.items()})


class DilutedByPadding(Sound):
    def losses(self, found, real):
        return super().losses(found, torch.ones_like(real))


class CountsPadding(Sound):
    def forward(self, z, mask=None):
        result = super().forward(z, mask)
        if mask is not None and self.training and not mask.any():
            self.pending = [[(torch.zeros(9, self.dim), torch.zeros(9, dtype=torch.int64))] * 2]
        return result


class CollectsInEvaluation(Sound):
    def forward(self, z, mask=None):
        training = self.training
        self.training = True
        result = super().forward(z, mask)
        self.training = training
        return result


class DrawsInEncode(Sound):
    def encode(self, z, mask=None):
        torch.rand(1)
        return super().encode(z, mask)


class MovesInForward(Sound):
    def collect(self, levels):
        super().collect(levels)
        self.update(torch.Generator().manual_seed(0))


class UsesBatchesTwice(Sound):
    def update(self, generator):
        pending = list(self.pending)
        super().update(generator)
        self.pending = pending


class LastBatchOnly(Sound):
    def collect(self, levels):
        self.pending = [levels]


class HalfState(Sound):
    def _apply(self, fn, recurse=True):
        return nn.Module._apply(self, fn, recurse)


class ForgetsCounts(Sound):
    def __init__(self, dim, *, codebook_size=16):
        super().__init__(dim, codebook_size=codebook_size)
        counts = self.counts
        del self.counts
        self.register_buffer("counts", counts, persistent=False)


class GlobalRandomness(Sound):
    every, share = 1, 0.5

    def revive(self, level, frames, generator):
        super().revive(level, frames, None)


class IdleParameter(Sound):
    def __init__(self, dim, *, codebook_size=16):
        super().__init__(dim, codebook_size=codebook_size)
        self.idle = nn.Parameter(torch.zeros(3))


class NoiseOfShare(Noisy):
    def noise(self, z, generator, share):
        return super().noise(z, generator, None)


class GlobalNoise(Noisy):
    def noise(self, z, generator, share):
        return torch.rand_like(z)


class NotRandom(Noisy):
    def noise(self, z, generator, share):
        return torch.zeros_like(z)


class AlwaysNoisy(Noisy):
    def forward(self, z, mask=None, *, generator=None, share=None):
        return Sound.forward(self, z if generator is None else z + self.noise(z, generator, share), mask)


class SecondNearest(Sound):
    def nearest(self, frames, level):
        return torch.cdist(frames.double(), self.codebook(level).double()).topk(2, largest=False).indices[..., 1]


class ZeroCounts(Sound):
    share = 0.0

    def start(self, frames, generator):
        super().start(frames, generator)
        self.start_codes, self.seen = self.sums.clone(), torch.zeros_like(self.counts)

    def average(self, level, counts, sums):
        self.counts[level] = self.decay * self.counts[level] * (self.updates > 1) + (1 - self.decay) * counts + 1e-5
        self.sums[level] = self.decay * self.sums[level] + (1 - self.decay) * sums


class FallToZero(Sound):
    share = 0.0

    def average(self, level, counts, sums):
        self.counts[level] = (self.decay * self.counts[level] + (1 - self.decay) * counts).clamp_min(0.5)
        self.sums[level] = torch.where(counts[:, None] > 0, sums / counts[:, None] * self.counts[level, :, None], 0.0)


class RevivalUndone(Sound):
    """As encodec's: the codebook is written, the sums and counts that it is an average of are not."""

    def revive(self, level, frames, generator):
        if torch.distributed.is_initialized():
            super().revive(level, frames, generator)


class EachForItself(Sound):
    def reduce(self, counts, sums):
        pass


class ConditionalCollective(Sound):
    def reduce(self, counts, sums):
        if counts.any():
            super().reduce(counts, sums)


class CachedDistributed(Sound):
    def __init__(self, dim, *, codebook_size=16):
        super().__init__(dim, codebook_size=codebook_size)
        self.distributed = torch.distributed.is_initialized()

    def reduce(self, counts, sums):
        if self.distributed:
            super().reduce(counts, sums)


FAULTS = {
    "shapes": [(ShortCodes, "int32, not int64")],
    "empty_batch": [(NanOfNoFrames, "nan")],
    "code_range": [(OneTooMany, "out of range")],
    "decode_of_encode": [(OtherDecode, "differs from z_q")],
    "gradient": [(NoGradient, "gradient")],
    "commitment_gradient": [(DetachedLevel, "is it detached")],
    "reduced_precision": [(LowPrecision, "other codes")],
    "compiles": [(BranchOnData, "not one graph")],
    "padding": [(LooksUnderTheMask, "under the mask changes the loss 'commitment'")],
    "mask_of_ones": [(OtherWithMask, "with mask")],
    "masked_rows": [(DilutedByPadding, "beside a masked row")],
    "all_masked": [(CountsPadding, "moved a code"), (NanOfNoFrames, "of no frame at all is nan")],
    "evaluation_changes_nothing": [
        (CollectsInEvaluation, "an update after evaluation changes counts"),
        (DrawsInEncode, "global random state"),
    ],
    "forward_waits_for_update": [(MovesInForward, "forward moved a code"), (UsesBatchesTwice, "uses the batch again")],
    "gradient_accumulation": [(LastBatchOnly, "two halves")],
    "float32_state": [(HalfState, "the buffer counts is torch.bfloat16")],
    "safetensors_round_trip": [(ForgetsCounts, "other codes|goes on otherwise")],
    "same_seed_same_bits": [(GlobalRandomness, "the same generators")],
    "learning": [(IdleParameter, "idle never gets a gradient")],
    "noise_of_shares": [
        (NoiseOfShare, "share 1 of 2 has other codes|share 0 of 2 has other codes"),
        (GlobalNoise, "global random state|other codes"),
        (NotRandom, "two generators give the same"),
        (AlwaysNoisy, "in evaluation mode"),
    ],
    "nearest_code": [(SecondNearest, "is nearer")],
    "unused_codes_survive": [(ZeroCounts, "thrown away"), (FallToZero, "fell to zero")],
    "revival": [(RevivalUndone, "do not come back")],
    "two_processes": [
        (EachForItself, "the ranks differ"),
        (CachedDistributed, "the ranks differ"),
        (ConditionalCollective, "a process failed|wait for each other|not summed|the ranks differ"),
    ],
}


@quantizer_checks(Sound, Noisy)
def test_a_sound_quantizer_passes(check):
    check()


def test_every_check_has_a_fault_that_it_finds():
    assert [check.__name__ for check in CHECKS] == list(FAULTS)


@pytest.mark.parametrize(
    ("name", "faulty", "message"),
    [pytest.param(name, *case, id=f"{name}-{case[0].__name__}") for name, cases in FAULTS.items() for case in cases],
)
def test_a_faulty_quantizer_fails_the_check_meant_for_it(name, faulty, message, monkeypatch):
    monkeypatch.setattr("vqspeech.testing.two_processes.LIMIT_S", 8.0)
    (check,) = (check for check in CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(QuantizerSubject(faulty))


def test_names_reasons_and_strictness_of_expected_failures():
    (cases,) = quantizer_checks(Sound, "ema", expected_failures={"revival": "none", "ema-shapes": "odd"}).args[1:]
    marked = {parameter.id: [mark.kwargs for mark in parameter.marks] for parameter in cases}
    assert len(marked) == 2 * len(CHECKS)
    assert marked["Sound-revival"] == marked["ema-revival"] == [{"reason": "none", "strict": True}]
    assert marked["ema-shapes"] == [{"reason": "odd", "strict": True}]
    assert marked["Sound-shapes"] == []


def test_an_expected_failure_of_no_check_is_an_error():
    with pytest.raises(UnknownNameError, match=r"unknown check 'revivall'.*Did you mean 'revival'"):
        quantizer_checks(Sound, expected_failures={"revivall": "because"})


def test_an_expected_failure_without_a_reason_is_an_error():
    with pytest.raises(InputError, match=r"'revival'.*gives no reason"):
        quantizer_checks(Sound, expected_failures={"revival": " "})


def test_a_name_that_nobody_registers_fails_its_tests_and_not_the_collection():
    (cases,) = quantizer_checks("no-such-vq").args[1:]
    with pytest.raises(UnknownNameError, match="no-such-vq"):
        cases[0].values[0]()
