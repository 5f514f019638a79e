"""A plain quantizer that keeps the contract, and one that adds noise in training."""

from __future__ import annotations

import torch

from vqspeech.nn.quantize import Quantized, Quantizer
from vqspeech.nn.share import uniforms


class Sound(Quantizer):
    """Two residual levels of moving averages; each faulty quantizer differs from it in one point."""

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
