"""Sampling utterances: each depends on its codes, the seed and its stream, and on nothing else."""

import numpy as np
import pytest
import torch

from vqspeech.errors import InputError, UnknownNameError
from vqspeech.nn.decoders.mulaw import mu_law_decode
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling import ENGINES, sample
from vqspeech.sampling.sample import CHUNK_FRAMES, uniforms


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return WaveNet(dim=3, hop_samples=4, dilations=(1, 2), residual_channels=4, skip_channels=6, condition_channels=4)


def conditions(decoder, *frames):
    generator = torch.Generator().manual_seed(5)
    rows = [torch.randn(1, 3, count, generator=generator) for count in frames]
    return [decoder.conditions(row, None)[0].detach() for row in rows]


def test_an_utterance_is_as_long_as_asked_and_in_range(decoder):
    result = sample(decoder, conditions(decoder, 3, 40, 1), [9, 160, 4])
    assert [len(waveform) for waveform in result.waveforms] == [9, 160, 4]
    for waveform in result.waveforms:
        assert waveform.dtype == np.float32
        assert np.abs(waveform).max() <= 1
    assert result.engine in ENGINES
    assert result.samples_per_second > 0


def test_an_utterance_sounds_the_same_alone_and_in_company(decoder):
    rows, lengths, streams = conditions(decoder, 3, 40, 7), [9, 160, 28], [11, 5, 99]
    together = sample(decoder, rows, lengths, seed=3, streams=streams).waveforms
    for row, length, stream, waveform in zip(rows, lengths, streams, together, strict=True):
        (alone,) = sample(decoder, [row], [length], seed=3, streams=[stream]).waveforms
        assert np.array_equal(alone, waveform)


def test_a_shorter_length_is_a_beginning_of_the_longer(decoder):
    (row,) = conditions(decoder, 60)
    (long,) = sample(decoder, [row], [240]).waveforms
    (short,) = sample(decoder, [row], [101]).waveforms
    assert np.array_equal(short, long[:101])


def test_chunks_leave_no_seam(decoder):
    """Longer than two chunks: equal to one draw of the engine over everything."""
    (row,) = conditions(decoder, 2 * CHUNK_FRAMES + 10)
    length = len(row) * decoder.condition_samples
    draws = torch.from_numpy(uniforms(0, 0, 0, length))[None]
    levels = ENGINES["reference"](decoder, 1).draw(row[None], draws)
    (found,) = sample(decoder, [row], [length], engine="reference").waveforms
    assert np.array_equal(found, mu_law_decode(levels)[0].float().numpy())


def test_the_same_seed_gives_the_same_bits_and_another_does_not(decoder):
    rows = conditions(decoder, 20, 20)
    one, two, other = (sample(decoder, rows, [80, 80], seed=seed).waveforms for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0], other[0])
    assert not np.array_equal(one[0], one[1])


def test_without_temperature_the_seed_does_not_matter(decoder):
    rows = conditions(decoder, 20)
    one, two = (sample(decoder, rows, [80], seed=seed, temperature=0).waveforms[0] for seed in (1, 2))
    assert np.array_equal(one, two)


def test_progress_goes_to_the_longest(decoder):
    seen = []
    sample(decoder, conditions(decoder, 40, 3), [150, 12], progress=lambda *said: seen.append(said))
    assert seen[-1] == (150, 150)
    assert seen == sorted(seen)


def test_no_utterances_and_empty_ones(decoder):
    assert sample(decoder, [], []).waveforms == ()
    result = sample(decoder, conditions(decoder, 3, 2), [0, 0])
    assert [len(waveform) for waveform in result.waveforms] == [0, 0]
    assert len(sample(decoder, conditions(decoder, 3, 2), [0, 5]).waveforms[0]) == 0


@pytest.mark.parametrize("temperature", [-0.1, float("nan"), float("-inf")])
def test_a_temperature_that_is_none_is_refused(decoder, temperature):
    with pytest.raises(InputError, match=r"temperature .* is not usable; give 0"):
        sample(decoder, conditions(decoder, 3), [4], temperature=temperature)


def test_more_samples_than_codes_are_refused(decoder):
    with pytest.raises(InputError, match=r"13 .* 12"):
        sample(decoder, conditions(decoder, 3), [13])


def test_an_unknown_engine_is_named(decoder):
    with pytest.raises(UnknownNameError, match=r"unknown sampling engine 'referense'.*Did you mean 'reference'"):
        sample(decoder, conditions(decoder, 3), [4], engine="referense")


# random numbers


@pytest.mark.parametrize("first", [0, 1, 3, 4, 5, 1023, 2**40 + 3])
def test_any_stretch_of_a_stream_can_be_had_alone(first):
    whole = uniforms(7, 8, first - first % 4, 64)
    assert np.array_equal(uniforms(7, 8, first, 40), whole[first % 4 : first % 4 + 40])
    if first < 2000:
        assert np.array_equal(uniforms(7, 8, first, 40), uniforms(7, 8, 0, 2000)[first : first + 40])


def test_uniform_numbers_are_uniform():
    numbers = uniforms(0, 0, 0, 100_000)
    assert numbers.dtype == np.float64
    assert 0 <= numbers.min() < numbers.max() < 1
    assert np.abs(np.histogram(numbers, 10, (0, 1))[0] / 1e4 - 1).max() < 0.05


SEEDS = [0, 1, 2**62 + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, -1, -3]


def test_every_seed_and_stream_has_its_own_numbers():
    seen = {tuple(uniforms(seed, stream, 0, 3)) for seed in SEEDS for stream in SEEDS}
    assert len(seen) == len(SEEDS) ** 2
