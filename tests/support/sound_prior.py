"""A plain prior that keeps the contract."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from vqspeech.nn.batch import LossTerms
from vqspeech.nn.priors.protocol import Prior
from vqspeech.nn.share import uniforms


class OneByOne:
    """The whole network for every code and row: slow, and plain."""

    def __init__(self, prior, rows, condition):
        self.prior, self.rows, self.condition = prior, rows, condition
        self.codebook_sizes, self.pushed = prior.sizes, []

    def logits(self):
        books = len(self.codebook_sizes)
        given = torch.stack([*self.pushed, *[torch.zeros(self.rows, dtype=torch.int64)] * books], 1)
        frame, book = divmod(len(self.pushed), books)
        codes = given[:, : (frame + 1) * books].unflatten(1, (-1, books)).mT
        return torch.cat([self.row_logits(codes, row, book) for row in range(self.rows)])

    def row_logits(self, codes, row, book):
        condition = None if self.condition is None else self.condition[row : row + 1]
        hidden = self.prior.hidden(codes[row : row + 1], condition)
        return self.prior.logits(hidden[:, -1:], codes[row : row + 1, :, -1:], book)[:, 0]

    def push(self, codes):
        self.pushed.append(codes)


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

    def predictor(self, rows, condition=None):
        return OneByOne(self, rows, condition)

    def divisor(self, temperature):
        return max(temperature, 1e-6)

    def pick(self, probabilities, uniform):
        return (probabilities.cumsum(-1) < uniform[:, None]).sum(-1).clamp(max=probabilities.shape[1] - 1)
