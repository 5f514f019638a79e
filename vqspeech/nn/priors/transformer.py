"""The prior ``transformer``: causal self-attention over the frames of a window."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.config import at_least, at_most, require
from vqspeech.nn.priors.predictor import FramePredictor, floats
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.nn.priors.sequence import Noise, SequencePrior, require_sequences

EPSILON = 1e-5
"""Added to the mean square in the norms."""

LONGEST_PERIOD = 10_000
"""Ratio of the slowest and the fastest rotation of the positions."""


LONGEST_WINDOW = 2**16
"""Most frames of a window: keys and values of all of them are kept."""


class Block(nn.Module):
    """Attention and a gated feedforward layer (SwiGLU, Shazeer 2020), each behind a norm and added to its input.

    Parameters
    ----------
    width : channels
    inner : channels inside the feedforward layer
    layers : number of blocks, by which the initial outputs are scaled
    """

    def __init__(self, width: int, inner: int, layers: int) -> None:
        super().__init__()
        self.before, self.between = nn.RMSNorm(width, EPSILON), nn.RMSNorm(width, EPSILON)
        self.qkv, self.mix = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 2 * inner, bias=False), nn.Linear(inner, width, bias=False)
        with torch.no_grad():
            for last in (self.mix, self.down):
                last.weight.div_((2 * layers) ** 0.5)

    def attended(self, x: Tensor, heads: int, turns: tuple[Tensor, Tensor], window: int) -> Tensor:
        """Compute what attention adds to x (batch, frames, width); a frame sees `window` frames, itself the last."""
        query, key, value = self.qkv(self.before(x)).unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        frames = x.shape[1]
        mask = None
        if frames > window:
            place = torch.arange(frames, device=x.device)
            back = place[:, None] - place
            mask = (back >= 0) & (back < window)
        result = F.scaled_dot_product_attention(
            turned(query, turns), turned(key, turns), value, attn_mask=mask, is_causal=mask is None
        )
        mixed: Tensor = self.mix(result.transpose(1, 2).flatten(2))
        return mixed

    def widened(self, x: Tensor) -> Tensor:
        """Compute what the feedforward layer adds to x (batch, frames, width)."""
        gate, value = self.up(self.between(x)).chunk(2, 2)
        result: Tensor = self.down(F.silu(gate) * value)
        return result


def frequencies(each: int) -> np.ndarray:
    """Return the angles (each / 2,) float64 by which a head of `each` channels turns from frame to frame."""
    return LONGEST_PERIOD ** -(np.arange(0, each, 2) / each)


def turned(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Apply rotary positions (Su et al. 2021, arXiv 2104.09864) to (batch, heads, frames, each)."""
    cosine, sine = turns
    a, b = x.chunk(2, -1)
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], -1).to(x.dtype)


class TransformerPrior(SequencePrior):
    """A causal transformer over codes with rotary positions and a window.

    A frame is attended to by the `window` - 1 frames after it, so memory and cost of drawing a code are bounded. The
    condition is embedded and added to every input.

    Parameters
    ----------
    space : the codes
    layers, width, heads : blocks, channels, and heads that the channels are divided into
    inner : channels inside the feedforward layers
    window : frames that a frame attends to, itself and those before it
    head_channels : channels between the features and the logits
    dropout : see `SequencePrior`; it applies to what each layer adds as well
    """

    def __init__(
        self,
        space: CodeSpace,
        *,
        layers: int,
        width: int,
        heads: int,
        inner: int,
        window: int,
        head_channels: int,
        dropout: float,
    ) -> None:
        super().__init__(space, width=width, dropout=dropout)
        self.heads, self.window, self.inner = heads, window, inner
        self.speakers = nn.Embedding(space.conditions, width) if space.conditions else None
        self.blocks = nn.ModuleList(Block(width, inner, layers) for _ in range(layers))
        self.last = nn.RMSNorm(width, EPSILON)
        self.add_heads(width, head_channels)

    def summaries(self, inputs: Tensor, condition: Tensor | None, noise: Noise | None) -> Tensor:
        """Compute features; see `SequencePrior.summaries`."""
        x = inputs
        if self.speakers is not None:
            assert condition is not None
            x = x + self.speakers(condition)[:, None]
        angles = np.arange(x.shape[1])[:, None] * frequencies(self.width // self.heads)
        turns = tuple(torch.from_numpy(each).to(x) for each in (np.cos(angles), np.sin(angles)))
        for block in self.blocks:
            assert isinstance(block, Block)
            x = x + self.dropped(block.attended(x, self.heads, (turns[0], turns[1]), self.window), noise)
            x = x + self.dropped(block.widened(x), noise)
        features: Tensor = self.last(x)
        return self.dropped(features, noise)

    def predictor(self, rows: int, condition: Tensor | None = None) -> TransformerPredictor:
        """Predict codes one after the other, with keys and values of the window; see `Prior.predictor`."""
        return TransformerPredictor(self, rows, condition)


class TransformerPredictor(FramePredictor):
    """Predicts with cached keys and values of the frames in the window."""

    @torch.no_grad()
    def __init__(self, prior: TransformerPrior, rows: int, condition: Tensor | None) -> None:
        from vqspeech.kernels.attention import Blocks, BlocksPast

        super().__init__(prior, prior.first, rows)
        blocks: list[Block] = list(prior.blocks)  # type: ignore[arg-type]
        layers, width, window, inner = len(blocks), prior.width, prior.window, prior.inner
        self._heads_of_attention = prior.heads
        self._frequencies = frequencies(width // prior.heads)
        self._voice = np.zeros((rows, width), np.float32)
        if prior.speakers is not None:
            assert condition is not None
            self._voice = floats(prior.speakers(condition.to(prior.first.device)))
        self._net = Blocks(
            before=floats(torch.stack([block.before.weight for block in blocks])),
            between=floats(torch.stack([block.between.weight for block in blocks])),
            qkv=floats(torch.stack([block.qkv.weight.T for block in blocks])),
            mix=floats(torch.stack([block.mix.weight.T for block in blocks])),
            up=floats(torch.stack([block.up.weight.T for block in blocks])),
            down=floats(torch.stack([block.down.weight.T for block in blocks])),
            last=floats(prior.last.weight),
        )
        self._past = BlocksPast(
            clock=np.zeros(1, np.int64),
            keys=np.zeros((layers, rows, width, window), np.float32),
            values=np.zeros((layers, rows, window, width), np.float32),
            normed=np.zeros((rows, width), np.float32),
            attended=np.zeros((rows, width), np.float32),
            both=np.zeros((rows, 3 * width), np.float32),
            wide=np.zeros((rows, 2 * inner), np.float32),
            gated=np.zeros((rows, inner), np.float32),
            scores=np.zeros(window, np.float32),
        )

    def advance(self, inputs: np.ndarray, features: np.ndarray) -> None:
        """Compute the features of the next frame; see `FramePredictor.advance`."""
        from vqspeech.kernels.attention import advance_blocks

        inputs += self._voice
        angles = int(self._past.clock[0]) * self._frequencies
        turns = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        heads, epsilon = self._heads_of_attention, np.float32(EPSILON)
        advance_blocks(self._net, self._past, inputs, heads, *turns, epsilon, features)


def transformer(
    space: CodeSpace,
    *,
    layers: int = 6,
    width: int = 256,
    heads: int = 8,
    inner: int = 640,
    window: int = 256,
    head_channels: int = 256,
    dropout: float = 0.0,
) -> TransformerPrior:
    """Build the prior ``transformer``.

    Parameters
    ----------
    space : codes in sequences, or on a grid in raster order
    layers, width, heads, inner, window, head_channels, dropout : see `TransformerPrior`; a window longer than the
        crops of training meets distances in sampling that it was not trained on

    Raises
    ------
    ConfigError : for sizes out of range, heads of an odd number of channels, or codes with a level above
    """
    require_sequences(space, "transformer")
    sizes = {
        "layers": layers,
        "width": width,
        "heads": heads,
        "inner": inner,
        "window": window,
        "head_channels": head_channels,
    }
    at_least(1, sizes, "model", *sizes)
    at_most(LONGEST_WINDOW, sizes, "model", "window")
    require(width % (2 * heads) == 0, f"model.width = {width}; a multiple of 2 x model.heads = {2 * heads}")
    require(0 <= dropout < 1, f"model.dropout = {dropout}; at least 0 and below 1")
    return TransformerPrior(space, dropout=dropout, **sizes)
