"""Codes one after the other: what a prior predicts of each, given those before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from vqspeech.nn.priors.draws import checked_temperature, checked_top_p, draw, item_numbers

if TYPE_CHECKING:
    from vqspeech.nn.priors.heads import CodeNetwork

BLOCK_FRAMES = 64
"""Frames whose random numbers are drawn together."""


class Predictor(Protocol):
    """Distributions of codes, one after the other: frame by frame, the codebooks of a frame in order.

    Memory does not grow with the number of codes. The numbers of a row have the same bits whatever the other rows
    are, and with any number of threads, on one machine.

    Attributes
    ----------
    rows : number of sequences
    codebook_sizes : codes of each codebook
    """

    rows: int
    codebook_sizes: tuple[int, ...]

    def logits(self) -> Tensor:
        """Compute the logits (rows, K) float32 of the next code of each row, given all that were pushed."""
        ...

    def push(self, codes: Tensor) -> None:
        """Take the next code of each row, (rows,) int64."""
        ...


class FramePredictor(ABC):
    """A `Predictor` of a `CodeNetwork`: features of a frame, then the logits of its codebooks.

    Parameters
    ----------
    network : network in evaluation mode, whose weights are copied
    first : (width,), the input of the first frame
    rows : number of sequences
    """

    def __init__(self, network: CodeNetwork, first: Tensor, rows: int) -> None:
        self.rows, self.codebook_sizes = rows, network.codebook_sizes
        self._embeddings = [floats(table.weight) for table in network.embeddings]  # type: ignore[arg-type]
        self._chosen = [floats(table.weight) for table in network.chosen]  # type: ignore[arg-type]
        self._heads = [
            (floats(hidden.weight.T), floats(hidden.bias), floats(logits.weight.T), floats(logits.bias))  # type: ignore[arg-type]
            for hidden, logits in zip(network.hidden, network.logits, strict=True)
        ]
        self._features = np.zeros((rows, self._heads[0][0].shape[0]), np.float32)
        self._input = np.tile(floats(first), (rows, 1))
        self._drawn: list[np.ndarray] = []
        self._ready = False

    @abstractmethod
    def advance(self, inputs: np.ndarray, features: np.ndarray) -> None:
        """Compute features (rows, channels) of the next frame from its inputs (rows, width), which may be changed."""

    def logits(self) -> Tensor:
        """Compute the logits of the next code; see `Predictor.logits`."""
        from vqspeech.kernels.steps import head

        self._look_ahead()
        book = len(self._drawn)
        weights, bias, out, out_bias = self._heads[book]
        hidden = np.tile(bias, (self.rows, 1))
        for number, codes in enumerate(self._drawn):
            hidden += self._chosen[number][codes]
        logits = np.empty((self.rows, out.shape[1]), np.float32)
        head(self._features, weights, hidden, out, out_bias, logits)
        return torch.from_numpy(logits)

    def push(self, codes: Tensor) -> None:
        """Take the next code of each row; see `Predictor.push`."""
        self._look_ahead()
        self._drawn.append(codes.numpy())
        if len(self._drawn) < len(self.codebook_sizes):
            return
        self._input[:] = 0
        for table, drawn in zip(self._embeddings, self._drawn, strict=True):
            self._input += table[drawn]
        self._drawn, self._ready = [], False

    def _look_ahead(self) -> None:
        """Compute the features of the current frame once."""
        if not self._ready:
            self.advance(self._input, self._features)
            self._ready = True


def floats(tensor: Tensor) -> np.ndarray:
    """Copy a tensor to a C-contiguous float32 array."""
    return np.array(tensor.detach().cpu().float().numpy(), np.float32, order="C")


def feed(predictor: Predictor, codes: Tensor) -> None:
    """Push whole frames of codes, (rows, codebooks, frames) int64."""
    for frame in codes.unbind(2):
        for book in frame.unbind(1):
            predictor.push(book)


def drawn_frames(
    predictor: Predictor,
    seed: int,
    frames: int,
    *,
    items: Sequence[int] | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> Iterator[Tensor]:
    """Draw frames of codes, each (rows, codebooks) int64, which are pushed.

    Parameters
    ----------
    predictor : at the beginning of a frame
    seed : seed of the draws
    frames : number of frames
    items : number of each row, which with the seed fixes its random numbers; 0, 1, 2, ... when None
    temperature, top_p : see `vqspeech.nn.priors.draws.draw`
    """
    checked_temperature(temperature)
    checked_top_p(top_p)
    books = len(predictor.codebook_sizes)
    numbers = [item_numbers(seed, item) for item in (range(predictor.rows) if items is None else items)]
    for begin in range(0, frames, BLOCK_FRAMES):
        shape = min(BLOCK_FRAMES, frames - begin), books
        uniform = torch.from_numpy(np.array([one.random(shape) for one in numbers]).reshape(-1, *shape))
        for frame in uniform.unbind(1):
            drawn = []
            for number in frame.unbind(1):
                drawn.append(draw(predictor.logits(), number, temperature, top_p))
                predictor.push(drawn[-1])
            yield torch.stack(drawn, 1)
