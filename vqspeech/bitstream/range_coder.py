"""Range coding in blocks by the library constriction (Bamler 2022, arXiv 2201.01741).

A block holds up to `BLOCK_SYMBOLS` symbols. It begins with the state of a fresh coder and has a checksum of its
symbols, so that a decoder whose probabilities differ from the encoder's is noticed, and a short file cannot stand for
many symbols.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.errors import InputError

BLOCK_SYMBOLS = 2048
"""Most symbols of a block."""

MOST_SYMBOLS = 1 << 20
"""Largest alphabet; the coder counts in units of 2^-24."""

_STATE_BITS, _WORD_BYTES = 64, 4

Weights = npt.NDArray[np.float64]
"""Weights (symbols,) of the next symbol, finite and not negative; the coder scales them to probabilities."""


@dataclass(frozen=True)
class Block:
    """A finished block: the coder's bytes, and the CRC-32 of its symbols."""

    payload: bytes
    checksum: int


class Encoder:
    """Codes symbols one after another.

    Raises
    ------
    InputError : when constriction is not installed
    """

    def __init__(self) -> None:
        self._library = require_constriction()
        self.blocks: list[Block] = []
        self._symbols: list[int] = []
        self._coder = self._fresh()

    def put(self, symbol: int, weights: Weights) -> float:
        """Code a symbol; return its ideal length in bits."""
        if len(weights) > 1:
            self._coder.encode(symbol, _model(self._library, weights))
        self._symbols.append(symbol)
        if len(self._symbols) == BLOCK_SYMBOLS:
            self.finish()
        return math.log2(float(weights.sum()) / float(weights[symbol])) if weights[symbol] else 24.0

    def finish(self) -> None:
        """End the block."""
        if self._symbols:
            self.blocks.append(Block(_shortest(self._coder), _crc(self._symbols)))
        self._symbols = []
        self._coder = self._fresh()

    def _fresh(self) -> Any:
        # Not `clear()`, after which constriction 0.5.0 writes what it cannot read.
        return self._library.stream.queue.RangeEncoder()


class Decoder:
    """Returns the symbols of blocks one after another.

    Parameters
    ----------
    blocks : of an `Encoder`
    unlike : what to say about a block whose symbols differ from those that were coded

    Raises
    ------
    InputError : when constriction is not installed; from `get`, for a block whose symbols differ
    """

    def __init__(self, blocks: list[Block], unlike: str) -> None:
        self._library = require_constriction()
        self._blocks: Iterator[Block] = iter(blocks)
        self._unlike = unlike
        self._symbols: list[int] = []
        self._expected = 0
        self._coder: Any = None

    def get(self, weights: Weights) -> int:
        """Return the next symbol, which was coded with the same weights."""
        if self._coder is None:
            block = next(self._blocks)
            padded = block.payload + bytes(-len(block.payload) % _WORD_BYTES)
            self._coder = self._library.stream.queue.RangeDecoder(np.frombuffer(padded, ">u4").astype(np.uint32))
            self._expected = block.checksum
        symbol = 0
        if len(weights) > 1:
            try:
                symbol = int(self._coder.decode(_model(self._library, weights)))
            except AssertionError:
                # No symbol begins like this.
                raise InputError(self._unlike) from None
        self._symbols.append(symbol)
        if len(self._symbols) == BLOCK_SYMBOLS:
            self.finish()
        return symbol

    def finish(self) -> None:
        """Compare the symbols of the block with its checksum."""
        if self._symbols and _crc(self._symbols) != self._expected:
            raise InputError(self._unlike)
        self._symbols, self._coder = [], None


def blocks_of(symbols: int) -> int:
    """Return the number of blocks of a number of symbols."""
    return -(-symbols // BLOCK_SYMBOLS)


def _model(library: Any, weights: Weights) -> Any:
    return library.stream.model.Categorical(weights, lazy=True, perfect=False)


def _crc(symbols: list[int]) -> int:
    return zlib.crc32(np.array(symbols, "<u4").tobytes())


def _shortest(coder: Any) -> bytes:
    """Return the fewest bytes that decode to the symbols; the decoder reads zeros beyond them.

    Any number of the coder's interval will do, and constriction returns one of whole words.
    """
    content = coder.get_compressed().astype(">u4").tobytes()
    words, (lower, size) = coder.pos()
    if lower + size <= 1 << _STATE_BITS:
        for count in range(_STATE_BITS // 8):
            shift = _STATE_BITS - 8 * count
            first = -(-lower >> shift)
            if first << shift < lower + size:
                content = content[: words * _WORD_BYTES] + first.to_bytes(count, "big")
                break
    return bytes(content.rstrip(b"\0"))


def require_constriction() -> Any:
    """Return the library.

    Raises
    ------
    InputError : when it is not installed
    """
    try:
        import constriction
    except ImportError as error:
        raise InputError(
            f"bitstreams need the package constriction, which is not installed ({error}). Install it: "
            "pip install 'vqspeech[bitstream]'"
        ) from error
    return constriction
