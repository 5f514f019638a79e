"""Parts of an utterance cover it, join without a seam, and give the same speech where nothing is lost."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech.errors import InputError
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling import sample
from vqspeech.sampling.split import FADE_SAMPLES, LAG_SAMPLES, LONG_SAMPLES, UtterancePart, join, number_of_parts, plan

lengths, counts = st.integers(0, 200_000), st.integers(1, 9)


@settings(max_examples=200, deadline=None)
@given(length=lengths, parts=counts, frame=st.sampled_from([1, 64, 320, 640]), field=st.integers(1, 5000))
def test_a_plan_covers_the_utterance(length, parts, frame, field):
    found = plan(length, parts, frame, field)
    assert 1 <= len(found) <= parts
    assert (found[0].first, found[0].start) == (0, 0)
    assert found[-1].first + found[-1].count == length + (LAG_SAMPLES if len(found) > 1 else 0)
    for early, late in itertools.pairwise(found):
        assert late.first % frame == 0
        assert late.start - late.first >= field
        assert early.start < late.start < early.first + early.count
    if len(found) > 1:
        work = [part.count for part in found]
        assert max(work) - min(work) <= 2 * frame + LAG_SAMPLES


@settings(max_examples=60, deadline=None)
@given(length=lengths, parts=counts, delays=st.lists(st.integers(-100, 100), min_size=9, max_size=9))
def test_parts_of_one_waveform_are_joined_to_that_waveform(length, parts, delays):
    """Each part may come a little early or late; time is then off by no more than that, and there is no jump."""
    time = np.arange(-1000, length + 2000)
    whole = (0.3 * np.sin(0.05 * time) + 0.1 * np.sin(0.02 * time + 3 * np.sin(1e-4 * time))).astype(np.float32)
    found = plan(length, parts, 64, 3000)
    waves = [whole[1000 + part.first - delay :][: part.count] for part, delay in zip(found, [0, *delays], strict=False)]
    joined = join(found, waves, length)
    assert joined.dtype == np.float32
    assert len(joined) == length
    if length > 2:
        assert np.abs(np.diff(joined, 2)).max() <= np.abs(np.diff(whole, 2)).max() * 1.5 + 1e-3
    if not any(delays[: len(found) - 1]):
        np.testing.assert_allclose(joined, whole[1000 : 1000 + length], atol=1e-6)


def test_the_fade_is_where_both_are_silent():
    quiet = slice(9_000, 9_000 + FADE_SAMPLES + 2 * LAG_SAMPLES)
    rng = np.random.default_rng(0)
    early, late = (rng.normal(0, 0.2, 20_000).astype(np.float32) for _ in range(2))
    early[quiet] = late[quiet] = 0.0
    joined = join(
        [UtterancePart(0, 12_000, 0), UtterancePart(5000, 15_000, 8800)], [early[:12_000], late[5000:]], 19_800
    )
    assert np.array_equal(joined[:9_000], early[:9_000])
    assert not joined[9_000 + LAG_SAMPLES : 9_000 + FADE_SAMPLES].any()


def test_parts_are_chosen_by_length_and_idle_cores():
    assert number_of_parts(10 * LONG_SAMPLES, 1, 1) == 1
    assert number_of_parts(10 * LONG_SAMPLES, 1, 4) == 4
    assert number_of_parts(10 * LONG_SAMPLES, 3, 4) == 1
    assert number_of_parts(10 * LONG_SAMPLES, 2, 4) == 2
    assert number_of_parts(2 * LONG_SAMPLES, 1, 4) == 2
    assert number_of_parts(LONG_SAMPLES - 1, 1, 4) == 1


def decoder():
    torch.manual_seed(0)
    shape = {"residual_channels": 16, "skip_channels": 16, "condition_channels": 4}
    return WaveNet(dim=3, hop_samples=160, dilations=(1, 2, 4, 8), **shape).requires_grad_(False)


def test_parts_of_a_network_that_forgets_are_the_utterance_itself():
    """Logits that hardly depend on the past: after the warm-up the parts draw the very same samples."""
    network = decoder()
    rows = network.conditions(torch.randn(1, 3, 100, generator=torch.Generator().manual_seed(1)), None)[0]
    network.skip.weight *= 0
    (whole,) = sample(network, [rows], [15_990]).waveforms
    (found,) = sample(network, [rows], [15_990], parts=3).waveforms
    np.testing.assert_allclose(found, whole, atol=1e-6)


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_parts_begin_as_the_utterance_does_and_are_as_long(engine):
    network = decoder()
    rows = network.conditions(torch.randn(1, 3, 60, generator=torch.Generator().manual_seed(1)), None)[0]
    (whole,) = sample(network, [rows], [9000], engine=engine).waveforms
    (found,) = sample(network, [rows], [9000], parts=2, engine=engine).waveforms
    assert len(found) == len(whole)
    assert np.array_equal(found[:3000], whole[:3000])


@pytest.mark.parametrize("parts", [0, -1, 1.5, "two"])
def test_an_impossible_number_of_parts_is_refused(parts):
    with pytest.raises(InputError, match="parts are not possible; give 1 or more, or 'auto'"):
        sample(decoder(), [], [], parts=parts)
