"""Symbols come out of blocks as they went in, in as few bytes as their probabilities allow."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech.bitstream.range_coder import BLOCK_SYMBOLS, Block, Decoder, Encoder, blocks_of
from vqspeech.errors import InputError


def coded(symbols, weights):
    encoder = Encoder()
    bits = sum(encoder.put(symbol, row) for symbol, row in zip(symbols, weights, strict=True))
    encoder.finish()
    return encoder.blocks, bits


def decoded(blocks, weights):
    decoder = Decoder(blocks, "unlike")
    result = [decoder.get(row) for row in weights]
    decoder.finish()
    return result


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(0, 80), st.floats(0.005, 3))
def test_symbols_come_out_as_they_went_in(seed, size, count, spread):
    draw = np.random.default_rng(seed)
    weights = draw.dirichlet(np.full(size, spread), count) + 1e-12
    likely = [int(draw.choice(size, p=row / row.sum())) for row in weights]
    for symbols in (likely, draw.integers(0, size, count).tolist()):
        blocks, _ = coded(symbols, weights)
        assert decoded(blocks, weights) == symbols


def test_blocks_of_a_long_message_need_the_bits_of_their_probabilities():
    draw = np.random.default_rng(0)
    probabilities = draw.dirichlet(np.full(50, 0.3))
    symbols = draw.choice(50, 3 * BLOCK_SYMBOLS + 7, p=probabilities).tolist()
    weights = [probabilities] * len(symbols)
    blocks, bits = coded(symbols, weights)
    assert len(blocks) == blocks_of(len(symbols)) == 4
    assert decoded(blocks, weights) == symbols
    assert bits == pytest.approx(-np.log2(probabilities[symbols]).sum())
    assert bits <= 8 * sum(len(block.payload) for block in blocks) < 1.001 * bits + 8 * len(blocks)


def test_a_symbol_that_is_certain_costs_nothing():
    blocks, bits = coded([0] * 9, [np.ones(1)] * 9)
    assert bits == 0 and blocks == [Block(b"", blocks[0].checksum)]
    assert decoded(blocks, [np.ones(1)] * 9) == [0] * 9


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(InputError, match=r"pip install 'vqspeech\[bitstream\]'"):
        Encoder()


def test_other_probabilities_are_noticed():
    weights = np.random.default_rng(0).dirichlet(np.ones(16), 40)
    blocks, _ = coded([3] * 40, weights)
    with pytest.raises(InputError, match="unlike"):
        decoded(blocks, weights[::-1].copy())
