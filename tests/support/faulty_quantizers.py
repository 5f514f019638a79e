"""Quantizers with one fault each, which the check of that fault must find."""

from __future__ import annotations

import torch
from sound_quantizer import Noisy, Sound
from torch import nn

from vqspeech.nn.quantize import Quantized


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
