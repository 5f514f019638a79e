"""Codes do not depend on batches: shapes follow from a waveform's own length, and pieces fit together."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vqspeech.encoding import pieces
from vqspeech.encoding.pieces import BatchEncoder, cut, padded_frames
from vqspeech.errors import InputError

LENGTHS = [1, 63, 64, 65, 640, 1000, 5000, 5000, 16000, 40001, 70000]


@given(st.integers(1, 10**6))
def test_padding_is_a_quarter_at_most_and_few_sizes(frames):
    size = padded_frames(frames)
    assert frames <= size <= max(4, 1.25 * frames)
    assert padded_frames(size) == size
    assert len({padded_frames(n) for n in range(1025, 2049)}) == 4


@given(st.integers(1, 500), st.integers(0, 5), st.integers(0, 5), st.integers(1, 60))
def test_pieces_keep_every_frame_once_with_all_it_depends_on(frames, before, after, more):
    longest = before + after + more
    found = cut(frames, longest, before, after)
    assert [place for piece in found for place in range(piece.first, piece.last)] == list(range(frames))
    for piece in found:
        assert 0 <= piece.start <= max(0, piece.first - before)
        assert min(frames, piece.last + after) <= piece.stop <= frames
        assert piece.stop - piece.start <= longest


@pytest.fixture
def waveforms():
    rng = np.random.default_rng(1)
    return [(0.3 * rng.normal(size=length)).astype(np.float32) for length in LENGTHS]


def codes_of(encoder, waveforms):
    found = {key: codes for key, _, codes in encoder.encode(enumerate(waveforms))}
    return [found[key] for key in range(len(waveforms))]


@pytest.mark.parametrize("rows", [1, 3])
def test_codes_are_the_same_to_the_bit_alone_and_among_others(checkpoint, waveforms, rows):
    latents = []
    encode = checkpoint.model.quantizer.encode
    checkpoint.model.quantizer.encode = lambda z, mask=None: latents.append(z.clone()) or encode(z, mask)

    def latents_of(chosen):
        latents.clear()
        keys = [key for key, _, _ in BatchEncoder(checkpoint, rows).encode(chosen)]
        return dict(zip(keys, latents, strict=True))

    numbered = list(enumerate(waveforms))
    among, backwards = latents_of(numbered), latents_of(numbered[::-1])
    for key, waveform in numbered:
        (alone,) = latents_of([(key, waveform)]).values()
        assert alone.shape[-1] == -(-len(waveform) // 64)
        assert torch.equal(among[key], alone)
        assert torch.equal(backwards[key], alone)


@pytest.mark.parametrize("piece_s", [8.0, 0.5])
def test_codes_are_those_of_the_model(checkpoint, waveforms, piece_s, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_S", piece_s)
    encoder = BatchEncoder(checkpoint, 2)
    assert (len(cut(1094, encoder.longest, encoder.before, encoder.after)) > 1) == (piece_s < 1)
    with torch.inference_mode():
        for waveform, codes in zip(waveforms, codes_of(encoder, waveforms), strict=True):
            alone = checkpoint.model.encode(torch.from_numpy(waveform)[None])[0].numpy()
            assert codes.dtype == np.int64
            np.testing.assert_array_equal(codes, alone)


def test_what_cannot_be_encoded(checkpoint):
    with pytest.raises(InputError, match="at least 1 row, got 0"):
        BatchEncoder(checkpoint, 0)
    with pytest.raises(InputError, match="7: a waveform without samples"):
        list(BatchEncoder(checkpoint).encode([(7, np.zeros(0, np.float32))]))
