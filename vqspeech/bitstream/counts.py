"""Adaptive counts: probabilities of the next symbol from those before it, without training or side information.

The model without a context counts every symbol one in advance. A model with a context starts from the probabilities of
a lower one, as in interpolated Kneser-Ney smoothing (Chen and Goodman 1999):
``(max(count - D, 0) + (B + D * distinct) * lower) / (total + B)``. Choices of D, B and contexts were made on codes of
the model ``english`` (docs/bitstreams.md).

Only sums, products and quotients of single numbers are computed, which are the same on all machines (IEEE 754).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vqspeech.bitstream.range_coder import Weights
from vqspeech.codec.pitch_codes import LEVELS

_DISCOUNT = 0.8
_BACKING = 8.0

_START = -1
"""The code before the first one."""


class Counts:
    """Counts of symbols without a context.

    Parameters
    ----------
    size : number of symbols
    each : count of each symbol in advance
    """

    def __init__(self, size: int, each: float = 1.0) -> None:
        self._counts = np.full(size, each)
        self._total = each * size

    def weights(self) -> Weights:
        """Return probabilities (size,)."""
        return self._counts / self._total

    def push(self, symbol: int) -> None:
        """Count a symbol."""
        self._counts[symbol] += 1
        self._total += 1


class _Seen:
    """Symbols that followed one context, and how often."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        self._symbols = np.zeros(4, np.int64)
        self._counts = np.zeros(4)
        self.total = 0

    @property
    def symbols(self) -> npt.NDArray[np.int64]:
        return self._symbols[: len(self._places)]

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        return self._counts[: len(self._places)]

    def push(self, symbol: int) -> None:
        place = self._places.setdefault(symbol, len(self._places))
        if place == len(self._symbols):
            self._symbols, self._counts = np.resize(self._symbols, 2 * place), np.resize(self._counts, 2 * place)
            self._counts[place:] = 0
        self._symbols[place] = symbol
        self._counts[place] += 1
        self.total += 1


class ContextCounts:
    """Counts of symbols for each context."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}

    def weights(self, context: int, lower: Weights) -> Weights:
        """Return probabilities (size,) of the symbols after a context, given those of a lower model."""
        seen = self._seen.get(context)
        if seen is None:
            return lower
        result = lower * (_BACKING + _DISCOUNT * len(seen.symbols))
        result[seen.symbols] += seen.counts - _DISCOUNT
        return result / (seen.total + _BACKING)

    def push(self, context: int, symbol: int) -> None:
        """Count a symbol after a context."""
        if context not in self._seen:
            self._seen[context] = _Seen()
        self._seen[context].push(symbol)


class AdaptiveCodes:
    """Drives the coder of codes, frame by frame and codebook by codebook, by counts.

    The first codebook's code depends on the two before it, any other on the code of the codebook before in its frame.

    Parameters
    ----------
    codebook_sizes : number of codes of each codebook
    """

    def __init__(self, codebook_sizes: tuple[int, ...]) -> None:
        self._plain = [Counts(size) for size in codebook_sizes]
        self._after = [ContextCounts() for _ in codebook_sizes]
        self._earlier = ContextCounts()
        self.start()

    def start(self) -> None:
        """Begin a recording; counts go on."""
        self._before = self._last = self._current = _START
        self._book = 0

    def weights(self) -> Weights:
        """Return probabilities (size,) of the next code."""
        lower = self._plain[self._book].weights()
        if not self._book:
            lower = self._earlier.weights(self._before, lower)
        return self._after[self._book].weights(self._context(), lower)

    def push(self, code: int) -> None:
        """Take the next code."""
        self._plain[self._book].push(code)
        self._after[self._book].push(self._context(), code)
        if not self._book:
            self._earlier.push(self._before, code)
            self._before, self._last = self._last, code
        self._current = code
        self._book = (self._book + 1) % len(self._plain)

    def _context(self) -> int:
        return self._current if self._book else self._last


class AdaptivePitch:
    """Drives the coder of quantized F0 (`vqspeech.codec.pitch_codes`) by counts.

    What is counted is the difference from the last voiced code, or that there is no voice, by whether the code before
    is voiced; as `vqspeech.codec.pitch_codes.pitch_bits` counts it.
    """

    def __init__(self) -> None:
        self._counts = [Counts(2 * LEVELS, 1 / 16) for _ in range(2)]
        self.start()

    def start(self) -> None:
        """Begin a recording; counts go on."""
        self._voiced, self._last = 0, LEVELS // 2

    def weights(self) -> Weights:
        """Return weights (LEVELS + 1,) of the next code."""
        counts = self._counts[self._voiced].weights()
        return np.concatenate([counts[:1], counts[LEVELS + 1 - self._last : 2 * LEVELS + 1 - self._last]])

    def push(self, code: int) -> None:
        """Take the next code."""
        self._counts[self._voiced].push(code - self._last + LEVELS if code else 0)
        self._voiced, self._last = int(code > 0), code or self._last
