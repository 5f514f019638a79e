"""Codes drawn from n-grams of other codes: the baselines that a prior has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vqspeech.errors import InputError

NAMES = {1: "unigram", 2: "bigram", 3: "trigram"}
"""Order -> name of what is drawn."""

Codes = npt.NDArray[np.int64]


class NgramDraws:
    """Draws from the relative frequencies of n-grams, without smoothing.

    A code of the first codebook is drawn given the `order` - 1 codes before it, from those that follow them in the
    given sequences; where none does, which only the end of a sequence makes possible, given one code less. A code of
    a further codebook is drawn given the code of the codebook before it in the same frame.

    Parameters
    ----------
    sequences : codes (codebooks, frames) int64 of each utterance
    codebook_sizes : number of codes of each codebook
    order : 1 to 3

    Raises
    ------
    InputError : for another order, or sequences without codes
    """

    def __init__(self, sequences: Sequence[Codes], codebook_sizes: Sequence[int], order: int) -> None:
        if order not in NAMES:
            raise InputError(f"n-grams of order {order} are not known; choose 1, 2 or 3")
        self.codes = np.concatenate([np.zeros((len(codebook_sizes), 0), np.int64), *sequences], axis=1)
        if not self.codes.shape[1]:
            raise InputError("n-grams need at least one code to be counted")
        self.size, self.order = codebook_sizes[0], order
        place = np.concatenate([np.arange(one.shape[1]) for one in sequences])
        every = np.arange(len(place))
        # Of each length of context, longest first: which frames follow it.
        self.following = [
            _Following.of(self._contexts(every[place >= length], length), every[place >= length])
            for length in range(order - 1, -1, -1)
        ]
        self.beside = [_Following.of(book, every) for book in self.codes[:-1]]

    def sample(self, count: int, frames: int, *, seed: int = 0) -> Codes:
        """Draw codes (count, codebooks, frames) int64; the first ones are drawn given none before them."""
        generator = np.random.default_rng(seed)
        drawn = np.zeros((count, len(self.codes), frames), np.int64)
        for frame in range(frames):
            drawn[:, 0, frame] = self.codes[0, self._next(drawn[:, 0, :frame], generator)]
            for book, beside in enumerate(self.beside, start=1):
                drawn[:, book, frame] = self.codes[book, beside.pick(drawn[:, book - 1, frame], generator)]
        return drawn

    def _contexts(self, frames: Codes, length: int) -> Codes:
        """Return the `length` codes before frames as numbers."""
        numbers = np.zeros(len(frames), np.int64)
        for back in range(length, 0, -1):
            numbers = numbers * self.size + self.codes[0, frames - back]
        return numbers

    def _next(self, before: Codes, generator: np.random.Generator) -> Codes:
        """Draw the frames whose codes follow what was drawn, (count, frames so far)."""
        chosen = np.full(len(before), -1, np.int64)
        for length, following in zip(range(self.order - 1, -1, -1), self.following, strict=True):
            if length > before.shape[1]:
                continue
            context = np.zeros(len(before), np.int64)
            for back in range(length, 0, -1):
                context = context * self.size + before[:, -back]
            picked = following.pick(context, generator)
            chosen = np.where(chosen < 0, picked, chosen)
        return chosen


@dataclass(frozen=True, eq=False)
class _Following:
    """The frames that follow each context.

    Parameters
    ----------
    contexts : (kinds,) sorted
    starts, counts : (kinds,) where the frames of a context are in `frames`
    """

    contexts: Codes
    starts: Codes
    counts: Codes
    frames: Codes

    @classmethod
    def of(cls, contexts: Codes, frames: Codes) -> _Following:
        order = np.argsort(contexts, kind="stable")
        kinds, starts, counts = np.unique(contexts[order], return_index=True, return_counts=True)
        return cls(kinds, starts, counts, frames[order])

    def pick(self, contexts: Codes, generator: np.random.Generator) -> Codes:
        """Draw a frame for each context; -1 where none follows it."""
        uniform = generator.random(len(contexts))
        if not len(self.contexts):
            return np.full(len(contexts), -1, np.int64)
        place = np.minimum(np.searchsorted(self.contexts, contexts), len(self.contexts) - 1)
        chosen = self.frames[self.starts[place] + (uniform * self.counts[place]).astype(np.int64)]
        return np.where(self.contexts[place] == contexts, chosen, -1)
