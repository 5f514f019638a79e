"""The prior ``frames``: codes of a frame given those of the frames before and the actions between.

After van den Oord et al. 2017 (arXiv 1711.00937), section 4.4, which says nothing of the network. Here the frames
before go through convolutions that the actions steer; the result shifts the gates of a PixelCNN at every position.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vqspeech.errors import ConfigError, InputError
from vqspeech.nn.batch import LossTerms, weighted_terms
from vqspeech.nn.priors.attention import gate
from vqspeech.nn.priors.cached import sample_cached
from vqspeech.nn.priors.draws import uniform_grid
from vqspeech.nn.priors.gated import GatedPixelCNN
from vqspeech.nn.priors.pixelcnn import Stacks
from vqspeech.nn.priors.protocol import CodeSpace, Prior
from vqspeech_video.nn.batch import MISSING, FrameBatch


class SteeredBlock(nn.Module):
    """x + 1 x 1 convolution of (a gated convolution of x, shifted by a vector), on (batch, width, rows, columns)."""

    def __init__(self, width: int, kernel: int, steering: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(width, 2 * width, kernel, padding=kernel // 2)
        self.steer = nn.Linear(steering, 2 * width) if steering else None
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, steering: Tensor) -> Tensor:
        """Apply the block."""
        spread = self.spread(x)
        if self.steer is not None:
            spread = spread + self.steer(steering)[:, :, None, None]
        mixed: Tensor = self.mix(gate(spread))
        return x + mixed


MOVE, REACH = (3, 9), (1, 4)
"""Rows and columns of the filters that move the last frame, and their padding: turns move it by several codes."""


class History(nn.Module):
    """Features of a grid from the codes of the frames before and the actions after each.

    The last frame goes through a wide convolution of the action after it; all frames, embedded, are added, and gated
    convolutions that are steered by all actions follow.

    Parameters
    ----------
    codebook_sizes : codes of each codebook
    grid : (rows, columns) of a frame
    actions : number of actions; 0 for a model without them
    frames : number of frames before
    embedding, width : channels of an embedded code, and of the features
    blocks, kernel : number of `SteeredBlock`, and odd side of their filters
    """

    def __init__(
        self,
        codebook_sizes: tuple[int, ...],
        grid: tuple[int, int],
        *,
        actions: int,
        frames: int,
        embedding: int,
        width: int,
        blocks: int,
        kernel: int,
    ) -> None:
        super().__init__()
        self.width = width
        self.embeddings = nn.ModuleList(nn.Embedding(size, embedding) for size in codebook_sizes)
        self.merge = nn.Conv2d(frames * embedding, width, 1)
        self.places = nn.Parameter(torch.zeros(1, width, *grid))
        self.actions = nn.Embedding(actions, embedding) if actions else None
        # One each, so that an action that moves the picture is learned as a shift.
        self.moves = nn.ModuleList(nn.Conv2d(embedding, width, MOVE, padding=REACH) for _ in range(max(1, actions)))
        steering = frames * embedding if actions else 0
        self.blocks = nn.ModuleList(SteeredBlock(width, kernel, steering) for _ in range(blocks))

    def forward(self, history: Tensor, actions: Tensor) -> Tensor:
        """Compute features (batch, width, rows, columns) of ``history`` and ``actions`` of a `FrameBatch`."""
        known = history.clamp_min(0)
        parts = [embedding(known[:, :, book]) for book, embedding in enumerate(self.embeddings)]
        present = (history[:, :, 0] != MISSING)[..., None]
        embedded = (torch.stack(parts).sum(0) * present).permute(0, 1, 4, 2, 3).flatten(1, 2)
        features = self.merge(embedded) + self.places
        features = features + self._moved(embedded[:, : embedded.shape[1] // history.shape[1]], actions[:, 0])
        steering = features
        if self.actions is not None:
            steering = (self.actions(actions.clamp_min(0)) * (actions != MISSING)[..., None]).flatten(1)
        for block in self.blocks:
            features = block(features, steering)
        return features

    def _moved(self, last: Tensor, actions: Tensor) -> Tensor:
        """Apply to the last frame (batch, embedding, rows, columns) the convolution of each row's action (batch,)."""
        if self.actions is None:
            moved: Tensor = self.moves[0](last)
            return moved
        # Of actions that no row has too, so that all filters get a gradient.
        rows = [torch.nonzero(actions == action)[:, 0] for action in range(len(self.moves))]
        parts = [move(last[here]) for move, here in zip(self.moves, rows, strict=True)]
        rows.append(torch.nonzero(actions == MISSING)[:, 0])
        parts.append(last.new_zeros(len(rows[-1]), self.width, *last.shape[2:]))
        return torch.cat(parts)[torch.argsort(torch.cat(rows))]


class FramesPrior(GatedPixelCNN, Prior):
    """A gated PixelCNN over the codes of a frame, shifted at every position by features of the frames before.

    In the methods of `GatedPixelCNN`, ``coarse`` is the history (batch, frames, codebooks, rows, columns) of a
    `FrameBatch`, and ``condition`` its actions. Only a fixed number of frames is looked at, so the cost of a frame does
    not grow with the length of a clip. Without a history it is a prior over single frames.

    Parameters
    ----------
    space : codes on a grid; its conditions are the actions
    history : frames before that it looks at
    context : keywords of `History`
    sizes : keywords of `GatedPixelCNN`
    """

    def __init__(self, space: CodeSpace, *, history: int, context: dict[str, int], **sizes: Any) -> None:
        super().__init__(space.codebook_sizes, coarse_sizes=space.codebook_sizes, coarse_blocks=0, **sizes)
        assert space.grid is not None
        rows, columns = self.grid = space.grid
        self.history, self.actions = history, space.conditions
        # Instead of the codes of a coarser grid.
        self.coarse_map = None
        self.context = History(
            space.codebook_sizes,
            (rows, columns),
            actions=space.conditions,
            frames=history,
            width=self.width,
            **context,
        )
        # A sixth faster in training on a CPU: embeddings come in this order.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def shifts(self, grid: tuple[int, int], condition: Tensor | None, coarse: Tensor | None) -> list[Tensor | float]:
        """Compute `GatedLayer.shift` of every layer from actions and history."""
        assert condition is not None and coarse is not None
        features = self.context(coarse, condition)
        return [layer.shift(None, features) for layer in self.layers]  # type: ignore[operator]

    def loss(self, batch: FrameBatch, generator: torch.Generator | None = None) -> LossTerms:  # type: ignore[override]
        """Compute mean nats per code.

        Raises
        ------
        InputError : for a batch without a history: the modality is another one than ``frames``
        """
        if not isinstance(batch, FrameBatch):
            raise InputError('the prior \'frames\' is trained on clips: set modality = "frames" instead of "codes"')
        costs = self.nll(batch.codes, batch.actions, batch.history)
        # A share without rows has a loss of zero.
        nll = costs.mean() if len(costs) else costs.sum()
        return weighted_terms(batch.weight, nll, {"nll": nll}, batch.codes)

    @torch.no_grad()
    def shuffled(self, batch: FrameBatch) -> Tensor | None:  # type: ignore[override]
        """Compute `criterion` with the actions of another row; None for a model without actions."""
        if not self.actions:
            return None
        return self.loss(batch._replace(actions=batch.actions.roll(1, 0))).terms["nll"]

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
        """Draw single frames, without any before them; see `Prior.sample`."""
        rows, columns = self.grid
        history = torch.full((count, self.history, len(self.codebook_sizes), rows, columns), MISSING)
        actions = torch.full((count, self.history), MISSING)
        return self.sample_next(history, actions, seed=seed, temperature=temperature)

    def sample_next(
        self, history: Tensor, actions: Tensor, *, seed: int = 0, frame: int = 0, temperature: float = 1.0
    ) -> Tensor:
        """Draw the next frame of some clips, at constant cost per code.

        Parameters
        ----------
        history, actions : of a `FrameBatch`
        seed, frame : row n depends on the seed, n and the number of the frame, not on the number of rows
        temperature : see `Prior.sample`

        Returns
        -------
        (batch, codebooks, rows, columns) int64
        """
        books, (rows, columns) = len(self.codebook_sizes), self.grid
        uniform = uniform_grid(seed, range(len(history)), books, (rows, columns), level=frame)
        return sample_cached(self, uniform, actions, coarse=history, temperature=temperature)


def frames(
    space: CodeSpace,
    *,
    history: int = 3,
    embedding: int = 32,
    blocks: int = 3,
    block_kernel: int = 5,
    layers: int = 6,
    width: int = 64,
    first_kernel: int = 5,
    kernel: int = 3,
    head_width: int = 128,
) -> FramesPrior:
    """Build the prior ``frames``.

    Parameters
    ----------
    space : codes on a grid of one level, its conditions are the actions
    history : frames before that the prior looks at
    embedding, blocks, block_kernel : see `History`; filters of 5 x 5 in 3 blocks see 6 codes to each side
    layers, width, first_kernel, kernel, head_width : see `GatedPixelCNN`

    Raises
    ------
    ConfigError : for sizes out of range, codes on no grid, or codes with a level above
    """
    if space.grid is None or len(space.grid) != 2 or space.above is not None:
        raise ConfigError(f"model.name = 'frames' takes codes of one level on (rows, columns), not {space.grid}")
    sizes = Stacks(layers=layers, width=width, first_kernel=first_kernel, kernel=kernel, head_width=head_width)
    for name, value in (("history", history), ("embedding", embedding), ("blocks", blocks)):
        if not 1 <= value <= 1024:
            raise ConfigError(f"model.{name} = {value}; between 1 and 1024")
    if block_kernel < 1 or block_kernel % 2 == 0:
        raise ConfigError(f"model.block_kernel = {block_kernel}; odd and at least 1")
    context = {"embedding": embedding, "blocks": blocks, "kernel": block_kernel}
    return FramesPrior(space, history=history, context=context, **vars(sizes))
