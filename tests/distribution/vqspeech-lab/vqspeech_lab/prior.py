"""The prior `lab-conv`: dilated causal convolutions over codes, of sequences and of grids in raster order."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from vqspeech.errors import ConfigError
from vqspeech.nn.batch import LossTerms
from vqspeech.nn.priors.protocol import Prior


def convolutional_prior(space, *, channels: int = 64, layers: int = 4):
    """Build the prior.

    Parameters
    ----------
    channels : of each layer
    layers : of kernel 2, with dilations 1, 2, 4, ...
    """
    if space.above is not None:
        raise ConfigError("the prior 'lab-conv' takes no codes of a level above")
    return ConvolutionalPrior(space, channels, layers)


class ConvolutionalPrior(Prior):
    """Each codebook sees the positions before, and the codebooks before it at its own position."""

    def __init__(self, space, channels, layers):
        super().__init__()
        self.space, self.sizes = space, space.codebook_sizes
        self.before = nn.ModuleList(nn.Embedding(size, channels) for size in self.sizes)
        self.inside = nn.ModuleList(nn.Embedding(size, channels) for size in self.sizes[:-1])
        self.condition = nn.Embedding(space.conditions, channels) if space.conditions else None
        self.layers = nn.ModuleList(nn.Conv1d(channels, channels, 2, dilation=2**layer) for layer in range(layers))
        self.heads = nn.ModuleList(nn.Linear(channels, size) for size in self.sizes)

    def hidden(self, codes, condition):
        """Summarise what is before each position: (batch, positions, channels) of (batch, codebooks, positions)."""
        embedded = sum(table(codes[:, book]) for book, table in enumerate(self.before))
        hidden = F.pad(embedded, (0, 0, 1, 0))[:, :-1]
        if self.condition is not None:
            hidden = hidden + self.condition(condition)[:, None]
        hidden = hidden.mT
        for layer, convolution in enumerate(self.layers):
            hidden = hidden + F.gelu(convolution(F.pad(hidden, (2**layer, 0))))
        return hidden.mT

    def logits(self, hidden, codes, book):
        """Logits of a codebook, given the codes of those before it."""
        return self.heads[book](hidden + sum(self.inside[below](codes[:, below]) for below in range(book)))

    def loss(self, batch, generator=None):
        """See `Prior.loss`."""
        codes = batch.codes.flatten(2)
        hidden = self.hidden(codes, batch.condition)
        nll = [
            F.cross_entropy(self.logits(hidden, codes, book).float().mT, codes[:, book], reduction="none")
            for book in range(len(self.sizes))
        ]
        place = torch.arange(codes.shape[2], device=codes.device).expand(len(codes), -1)
        mask = place < (codes.shape[2] if batch.lengths is None else batch.lengths[:, None])
        frames = mask.sum().clamp_min(1) if batch.share is None else max(1, batch.share.frames)
        total = (torch.stack(nll).mean(0) * mask).sum() / frames
        return LossTerms(total, {"nll": total.detach()}, codes, mask)

    @torch.no_grad()
    def shuffled(self, batch):
        """See `Prior.shuffled`."""
        if self.condition is None:
            return None
        return self.loss(batch._replace(condition=batch.condition.roll(1, 0))).terms["nll"]

    @torch.no_grad()
    def sample(self, count, *, frames=None, condition=None, above=None, seed=0, temperature=1.0):
        """See `Prior.sample`."""
        grid = self.space.grid or (frames,)
        shape = (math.prod(grid), len(self.sizes))
        draws = [np.random.Generator(np.random.Philox(key=[seed, item])).random(shape) for item in range(count)]
        device = self.heads[0].weight.device
        uniform = torch.from_numpy(np.array(draws).reshape(count, *shape)).to(device)
        codes = torch.zeros(count, len(self.sizes), shape[0], dtype=torch.int64, device=device)
        for place in range(shape[0] if count else 0):
            hidden = self.hidden(codes[..., : place + 1], condition)[:, place:]
            here = codes[..., place : place + 1]
            for book, size in enumerate(self.sizes):
                logits = self.logits(hidden, here, book)[:, 0].double() / max(temperature, 1e-6)
                passed = logits.softmax(-1).cumsum(-1) < uniform[:, place, book, None]
                here[:, book, 0] = passed.sum(-1).clamp(max=size - 1)
        return codes.view(count, len(self.sizes), *grid)
