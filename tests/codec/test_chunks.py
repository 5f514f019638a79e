"""Codes depend neither on batches nor on blocks: shapes follow from a waveform's own length."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vqspeech.codec import chunks
from vqspeech.codec.chunks import ChunkEncoder, cut, padded_frames
from vqspeech.errors import InputError

LENGTHS = [1, 63, 64, 65, 640, 1000, 5000, 5000, 16000, 40001, 70000]


@given(st.integers(1, 10**6))
def test_padding_is_a_quarter_at_most_and_few_sizes(frames):
    size = padded_frames(frames)
    assert frames <= size <= max(4, 1.25 * frames)
    assert padded_frames(size) == size
    assert len({padded_frames(n) for n in range(1025, 2049)}) == 4


@given(st.integers(1, 5000), st.integers(0, 5), st.integers(0, 5), st.integers(1, 60), st.data())
def test_chunks_keep_every_frame_once_with_all_it_depends_on(samples, before, after, more, data):
    """However a waveform comes in blocks, its chunks are the same."""
    hop, longest, waveform = 7, before + after + more, np.arange(samples, dtype=np.float32)
    frames = -(-samples // hop)
    whole = list(cut([waveform], hop, longest, before, after))
    assert [place for chunk, _ in whole for place in range(chunk.first, chunk.last)] == list(range(frames))
    for chunk, held in whole:
        assert 0 <= chunk.start <= max(0, chunk.first - before)
        assert min(frames, chunk.last + after) <= chunk.stop <= frames
        assert chunk.stop - chunk.start <= longest
        np.testing.assert_array_equal(held, waveform[chunk.start * hop : chunk.stop * hop])
    assert [chunk.final for chunk, _ in whole] == [False] * (len(whole) - 1) + [True]
    ends = sorted(data.draw(st.lists(st.integers(0, samples), max_size=4)))
    blocks = list(cut(np.split(waveform, ends), hop, longest, before, after))
    assert [chunk for chunk, _ in blocks] == [chunk for chunk, _ in whole]
    for (_, one), (_, other) in zip(blocks, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_waveform_without_samples_has_no_chunks():
    assert list(cut([], 7, 10, 1, 1)) == list(cut([np.zeros(0, np.float32)], 7, 10, 1, 1)) == []


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
        keys = [key for key, _, _ in ChunkEncoder(checkpoint.model, 16000, rows).encode(chosen)]
        return dict(zip(keys, latents, strict=True))

    numbered = list(enumerate(waveforms))
    among, backwards = latents_of(numbered), latents_of(numbered[::-1])
    for key, waveform in numbered:
        (alone,) = latents_of([(key, waveform)]).values()
        assert alone.shape[-1] == -(-len(waveform) // 64)
        assert torch.equal(among[key], alone)
        assert torch.equal(backwards[key], alone)


@pytest.mark.parametrize("chunk_s", [8.0, 0.5])
def test_codes_are_those_of_the_model(checkpoint, waveforms, chunk_s, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_S", chunk_s)
    encoder = ChunkEncoder(checkpoint.model, 16000, 2)
    longest = list(cut([waveforms[-1]], 64, encoder.longest, encoder.before, encoder.after))
    assert (len(longest) > 1) == (chunk_s < 1)
    with torch.inference_mode():
        for waveform, codes in zip(waveforms, codes_of(encoder, waveforms), strict=True):
            alone = checkpoint.model.encode(torch.from_numpy(waveform)[None])[0].numpy()
            assert codes.dtype == np.int64
            np.testing.assert_array_equal(codes, alone)


def test_what_cannot_be_encoded(checkpoint):
    with pytest.raises(InputError, match="at least 1 row, got 0"):
        ChunkEncoder(checkpoint.model, 16000, 0)
    with pytest.raises(InputError, match="7: a waveform without samples"):
        list(ChunkEncoder(checkpoint.model, 16000).encode([(7, np.zeros(0, np.float32))]))


def whole(checkpoint, monkeypatch):
    """The model with an encoder that says that a code may depend on the whole utterance."""
    monkeypatch.setattr(type(checkpoint.model.encoder), "span", None)
    return ChunkEncoder(checkpoint.model, 16000)


def test_an_encoder_without_a_span_gets_a_recording_in_one_piece(checkpoint, monkeypatch):
    waveform = np.random.default_rng(0).normal(size=200_001).astype(np.float32)
    ((_, n_samples, codes),) = whole(checkpoint, monkeypatch).encode([("a", iter(np.array_split(waveform, 7)))])
    ((_, _, same),) = whole(checkpoint, monkeypatch).encode([("a", waveform)])
    assert n_samples == len(waveform)
    np.testing.assert_array_equal(codes, same)
    with pytest.raises(InputError, match="without samples"):
        list(whole(checkpoint, monkeypatch).encode([("a", iter([]))]))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("no"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_a_recording_too_long_for_an_encoder_without_a_span_is_bad_input(checkpoint, monkeypatch, error):
    def full(*given):
        raise error

    encoder = whole(checkpoint, monkeypatch)
    monkeypatch.setattr(checkpoint.model.encoder, "forward", full)
    with pytest.raises(InputError, match=r"as a whole, and 2 s do not fit in memory"):
        list(encoder.encode([("a", np.zeros(32_000, np.float32))]))
