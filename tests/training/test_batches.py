"""Batches are a function of (seed, step), drawn evenly over time, and never count padding as speech."""

import numpy as np
import pytest
import torch

from vqspeech.audio import resample
from vqspeech.corpora import folder as folder_corpus
from vqspeech.corpora.contours import Contours
from vqspeech.corpora.store import prepare
from vqspeech.errors import CorpusError
from vqspeech.training.batches import SpeechBatches
from vqspeech.training.draws import START, TRAIN, VALID, generator

HOP = 256


@pytest.fixture
def crops(store):
    def make(indices=None, **options):
        values = {"seed": 0, "batch_size": 6, "crop_samples": 2560, "window_samples": 1024, "hop_samples": HOP}
        indices = store.indices("train") if indices is None else indices
        return SpeechBatches(store, indices, store.speakers, **{**values, **options})

    return make


def same(one, two):
    return all(torch.equal(a, b) for a, b in zip(one[:4], two[:4], strict=True)) and one[4] == two[4]


def test_a_batch_is_a_function_of_seed_and_step(crops):
    one, two = crops(), crops()
    first = one(5)
    for step in (0, 1, 7):
        one(step)
    assert same(one(5), first)
    assert same(two(5), first)
    assert not same(one(6), first)
    assert not same(crops(seed=1)(5), first)
    assert not same(one(5, stream=VALID), first)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_speakers_are_drawn_in_proportion_to_a_power_of_their_speech(crops, store, balance):
    """Of one speaker there is an utterance alone."""
    every = store.indices("train")
    first, second = (every[store.speaker_numbers[every] == number] for number in (0, 1))
    rows = np.concatenate([first, second[:1]])
    assert len(first) > 1
    batches = crops(rows, balance=balance, batch_size=4000)
    amounts = np.array([store.lengths[rows[:-1]].sum(), store.lengths[rows[-1:]].sum()], float) ** (1 - balance)
    drawn = np.bincount(batches(0).speaker.numpy(), minlength=2)[:2] / 4000
    np.testing.assert_allclose(drawn, amounts / amounts.sum(), atol=0.03)


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_each_rank_takes_its_rows_of_the_same_batch(crops, ranks):
    make = crops()
    whole = make(3)
    for rank in range(ranks):
        share = make(3, rank=rank, ranks=ranks)
        for tensor, part in zip(whole[:4], share[:4], strict=True):
            assert torch.equal(part, tensor[rank::ranks])
        assert share.share == whole.share._replace(rank=rank, ranks=ranks)


def test_a_share_knows_what_the_whole_batch_counts(crops):
    batch = crops(batch_size=400)(3)
    ends = torch.minimum(batch.lengths, (batch.window_start + batch.window_frames) * HOP)
    assert batch.lengths.min() < HOP * batch.window_frames
    assert batch.share == (0, 1, 400, (ends - batch.window_start * HOP).sum(), (-(-batch.lengths // HOP)).sum())


def test_a_batch_of_another_size_for_the_start(crops):
    assert len(crops()(0, stream=START, crops=50).waveform) == 50


def test_shapes_and_types(crops):
    batch = crops(crop_samples=2500, window_samples=1000)(0)
    assert batch.waveform.shape == (6, 2560)
    assert batch.waveform.dtype == torch.float32
    assert batch.window_frames == 4
    for tensor in (batch.lengths, batch.speaker, batch.window_start):
        assert tensor.shape == (6,)
        assert tensor.dtype == torch.int64
    assert crops(window_samples=0)(0).window_frames == 10


def test_crops_are_stretches_of_the_right_speaker(crops, store):
    batch = crops()(2)
    for row in range(6):
        length = int(batch.lengths[row])
        cut = np.rint(batch.waveform[row, :length].numpy() * 32768).astype(np.int16).tobytes()
        speaker = store.speakers[batch.speaker[row]]
        places = [index for index in store.indices("train") if cut in store.samples(index).tobytes()]
        assert [store.rows[index].speaker for index in places] == [speaker]


def test_short_utterances_are_whole_and_padded_with_silence(crops, store):
    (short,) = (index for index in store.indices("train") if store.rows[index].n_samples < 2560)
    batch = crops([short])(0)
    samples = torch.from_numpy(store.waveform(short))
    assert batch.lengths.tolist() == [len(samples)] * 6
    assert all(torch.equal(row[: len(samples)], samples) for row in batch.waveform)
    assert not batch.waveform[:, len(samples) :].any()
    # 800 samples, four frames: the window fits in one way only.
    assert not batch.window_start.any()


@pytest.mark.parametrize("window", [256, 1024, 1100, 2560, 0])
def test_windows_lie_in_the_crop_and_on_speech(crops, window):
    make, seen = crops(window_samples=window), set()
    for step in range(40):
        batch = make(step)
        ends = batch.window_start + batch.window_frames
        assert (batch.window_start >= 0).all()
        assert (ends <= make.crop_frames).all()
        frames = -(-batch.lengths // HOP)
        assert (ends <= frames.clamp_min(batch.window_frames)).all()
        seen |= set(batch.window_start.tolist())
    assert seen == set(range(10 - batch.window_frames + 1))


def test_crops_are_spread_evenly_over_time(crops, store):
    """Utterances by their length, offsets over the whole utterance, both ends reached."""
    long = max(store.indices("train"), key=lambda index: store.rows[index].n_samples)
    make = crops(batch_size=4000)
    rng = generator(0, TRAIN, 0)
    ends = np.cumsum([store.rows[index].n_samples for index in store.indices("train")])
    chosen = np.searchsorted(ends, rng.integers(int(ends[-1]), size=4000), side="right")
    speakers = np.array([store.speakers.index(store.rows[index].speaker) for index in store.indices("train")])
    assert np.array_equal(make(0).speaker.numpy(), speakers[chosen])
    shares = np.bincount(chosen) / 4000
    lengths = np.diff(ends, prepend=0) / ends[-1]
    assert np.abs(shares - lengths).max() < 0.03
    whole = torch.from_numpy(store.waveform(long))
    batch = crops([long], batch_size=500)(0)
    place = whole.unfold(0, 64, 1)
    offsets = np.array([(place == row[:64]).all(1).nonzero()[0, 0].item() for row in batch.waveform])
    spare = len(whole) - 2560
    assert offsets.min() < 0.02 * spare
    assert offsets.max() > 0.98 * spare
    assert abs(offsets.mean() / spare - 0.5) < 0.05


def test_an_utterance_of_exactly_one_crop(crops, store):
    (index,) = store.indices("valid")[:1]
    length = store.rows[index].n_samples
    batch = crops([index], crop_samples=length, hop_samples=1, window_samples=0)(0)
    assert torch.equal(batch.waveform[0], torch.from_numpy(store.waveform(index)))


def test_an_epoch_is_as_long_as_the_speech(crops, store):
    samples = sum(store.rows[index].n_samples for index in store.indices("train"))
    assert crops().steps_per_epoch == -(-samples // (6 * 2560))
    assert crops(batch_size=10_000).steps_per_epoch == 1


def test_a_split_with_nothing_in_it_is_refused(crops):
    with pytest.raises(CorpusError, match=r"no utterances to draw crops from .* the split is empty"):
        crops([])


@pytest.mark.parametrize("seed", [-1, 2**63, 2**64 - 2])
def test_every_seed_has_its_own_batches(seed):
    draws = [tuple(generator(s, TRAIN, 0).random(3)) for s in (seed, seed + 1, 7)]
    assert len(set(draws)) == 3


def test_streams_and_steps_are_independent():
    draws = {tuple(generator(0, stream, step).random(3)) for stream in (TRAIN, VALID, START) for step in range(50)}
    assert len(draws) == 150


def test_rows_of_speakers_that_the_model_lacks_are_refused(store):
    options = {"seed": 0, "batch_size": 2, "crop_samples": 2560, "window_samples": 0, "hop_samples": HOP}
    with pytest.raises(CorpusError, match="'ann', whom the model lacks"):
        SpeechBatches(store, store.indices("train"), store.speakers[1:], **options)


def test_crops_at_the_rate_of_a_decoder_are_the_same_stretches(store, crops, tmp_path):
    """Every crop at 48 kHz, decimated, is about the crop at 16 kHz, also for rates with a fraction between them."""
    corpus = folder_corpus.read(store.corpus.root)
    for rate in (48000, 24000):
        target = prepare(corpus, tmp_path / str(rate), sample_rate=rate)
        make = crops(target=target, batch_size=40)
        batch = make(1)
        assert batch.target.shape == (40, batch.waveform.shape[1] * rate // 16000)
        for low, high, length in zip(batch.waveform, batch.target, batch.lengths, strict=True):
            again = resample(high.numpy(), rate, 16000)[: int(length)]
            inner = slice(100, int(length) - 100)
            if length > 400:
                assert np.corrcoef(again[inner], low.numpy()[: int(length)][inner])[0, 1] > 0.995
            assert not high[-(-int(length) * rate // 16000) :].any()


def test_crops_have_the_pitch_of_their_place(store, crops):
    frames = np.arange(sum(-(-int(length) // 160) for length in store.lengths), dtype=np.float32) + 1
    starts = np.concatenate([[0], np.cumsum([-(-int(length) // 160) for length in store.lengths])])
    measured = Contours(frames, starts, store.sample_rate)
    assert crops()(0).f0 is None
    make = crops(contours=measured)
    batch = make(2)
    assert batch.f0.shape == (6, 16)
    for row, length in zip(batch.f0, batch.lengths, strict=True):
        count = -(-int(length) // 160)
        assert not row[count:].any()
        assert (row[:count].diff() == 1).all() and row[0] >= 1
    share = make(2, rank=1, ranks=2)
    assert torch.equal(share.f0, batch.f0[1::2])
