"""What priors over sequences of codes share: inputs, losses, and drawing one code after the other."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vqspeech.errors import ConfigError
from vqspeech.nn.batch import CodeBatch, LossTerms
from vqspeech.nn.decoders.softmax import softmax_nll
from vqspeech.nn.priors.costs import mean_nll, with_others_conditions
from vqspeech.nn.priors.draws import checked_temperature
from vqspeech.nn.priors.heads import CodeNetwork
from vqspeech.nn.priors.predictor import Predictor, drawn_frames
from vqspeech.nn.priors.protocol import CodeSpace, Prior
from vqspeech.nn.share import Share, uniforms


class Noise(NamedTuple):
    """What dropout draws from: a generator, and the place of the rows in a global batch."""

    generator: torch.Generator
    share: Share | None


class SequencePrior(CodeNetwork, Prior):
    """A prior over frames of codes, each given those before it; a grid is a sequence in raster order.

    The input of a frame is the sum of the embedded codes of the frame before, and a learned vector for the first. A
    subclass computes the features of each frame from the inputs up to it. The codebooks of a frame follow in turn, each
    given the features and the codes of those before it (`CodeNetwork`).

    Dropout is that of Gal & Ghahramani 2016 (arXiv 1512.05287): a channel is dropped in all frames of a sequence.

    Parameters
    ----------
    space : the codes, with their speakers or classes
    width : channels of the inputs
    dropout : share of the channels of inputs and features that are dropped in training
    """

    def __init__(self, space: CodeSpace, *, width: int, dropout: float) -> None:
        super().__init__(space.codebook_sizes, width)
        self.space, self.dropout = space, dropout
        self.first = nn.Parameter(torch.zeros(width))
        with torch.no_grad():
            for table in self.embeddings:
                table.weight.div_(len(self.codebook_sizes) ** 0.5)  # type: ignore[operator]

    def summaries(self, inputs: Tensor, condition: Tensor | None, noise: Noise | None) -> Tensor:
        """Compute features (batch, frames, channels) of the frames from their inputs (batch, frames, width)."""
        raise NotImplementedError

    def predictor(self, rows: int, condition: Tensor | None = None) -> Predictor:
        """Predict codes one after the other, on the CPU; see `Prior.predictor`."""
        raise NotImplementedError

    def inputs(self, codes: Tensor) -> Tensor:
        """Embed the frame before each one: (batch, codebooks, frames) to (batch, frames, width)."""
        embedded = self.embedded(codes[:, :, None])[:, :, 0].mT
        return torch.cat([self.first.expand(len(codes), 1, -1), embedded], 1)[:, : codes.shape[2]]

    def features(
        self,
        codes: Tensor,
        condition: Tensor | None = None,
        coarse: Tensor | None = None,
        noise: Noise | None = None,
    ) -> Tensor:
        """Compute features of the codes before each position; see `CodeNetwork.features`."""
        inputs = self.dropped(self.inputs(codes.flatten(2)), noise)
        return self.summaries(inputs, condition, noise).unflatten(1, codes.shape[2:])

    def dropped(self, x: Tensor, noise: Noise | None) -> Tensor:
        """Apply dropout to (batch, frames, channels)."""
        if noise is None or not self.dropout:
            return x
        kept = uniforms((len(x), 1, x.shape[2]), noise.share, noise.generator, x.device) >= self.dropout
        return x * (kept / (1 - self.dropout)).to(x.dtype)

    def code_nats(self, batch: CodeBatch, noise: Noise | None = None) -> Tensor:
        """Compute -log p of every code, (batch, codebooks, positions), of which those beyond lengths mean nothing."""
        codes = batch.codes.flatten(2)
        features = self.features(codes[:, :, None], batch.condition, None, noise)[:, 0]
        books, parts = codes.unbind(1), []
        for book, own in enumerate(books):
            hidden, layer = self.book_hidden(features, books[:book]), self.logits[book]
            nats = softmax_nll(hidden.flatten(0, 1), layer.weight, layer.bias, own.flatten())  # type: ignore[arg-type]
            parts.append(nats.view(own.shape))
        return torch.stack(parts, 1)

    def loss(self, batch: CodeBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Compute mean nats per code, of the frames within ``lengths`` where there are any."""
        noise = Noise(generator, batch.share) if generator is not None and self.training else None
        return mean_nll(batch, self.code_nats(batch, noise))

    @torch.no_grad()
    def shuffled(self, batch: CodeBatch) -> Tensor | None:
        """Compute `criterion` with the condition of another row, or None."""
        others = with_others_conditions(batch)
        return None if others is None else self.loss(others).terms["nll"]

    @torch.no_grad()
    def sample(
        self,
        count: int,
        *,
        frames: int | None = None,
        condition: Tensor | None = None,
        above: Tensor | None = None,
        seed: int = 0,
        temperature: float = 1.0,
    ) -> Tensor:
        """Draw codes, at constant cost per code; see `Prior.sample`."""
        checked_temperature(temperature)
        grid = self.space.grid or (frames or 0,)
        length = torch.Size(grid).numel()
        drawn = list(drawn_frames(self.predictor(count, condition), seed, length, temperature=temperature))
        codes = torch.stack(drawn, 2) if drawn else torch.zeros(count, len(self.codebook_sizes), 0, dtype=torch.int64)
        return codes.view(count, len(self.codebook_sizes), *grid)


def require_sequences(space: CodeSpace, name: str) -> None:
    """Raise `ConfigError` for codes with a level above, which priors over sequences do not take."""
    if space.above is not None:
        raise ConfigError(f"model.name = {name!r} takes no codes of a level above; 'pixelcnn' does")
