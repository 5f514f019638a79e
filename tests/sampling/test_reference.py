"""The reference engine gives the teacher-forced network's own probabilities, sample by sample."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from vqspeech.nn.decoders.mulaw import LEVELS, ZERO_LEVEL
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling.reference import ReferenceSampler, choose

configs = st.fixed_dictionaries(
    {
        "dilations": st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple),
        "kernel_size": st.integers(1, 3),
        "residual_channels": st.integers(1, 5),
        "skip_channels": st.integers(1, 6),
        "condition_channels": st.integers(1, 4),
        "condition_upsampling": st.sampled_from([1, 3]),
        "speakers": st.sampled_from([0, 2]),
    }
)


def make(seed=0, **options):
    torch.manual_seed(seed)
    decoder = WaveNet(**{"dim": 3, "hop_samples": 12, "dilations": (1, 2, 4), "residual_channels": 4, **options})
    return decoder.requires_grad_(False)


def condition(decoder, batch=2, frames=3):
    torch.manual_seed(1)
    latents = torch.randn(batch, 3, frames, dtype=decoder.embedding.weight.dtype)
    speaker = torch.arange(batch) % 2 if decoder.conditioner.speaker is not None else None
    return latents, speaker, decoder.conditions(latents, speaker)


def uniform(batch, time, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random((batch, time)))


class Recorder(ReferenceSampler):
    """Keeps the logits it samples from."""

    def logits(self, condition):
        self.seen = [*getattr(self, "seen", []), super().logits(condition)]
        return self.seen[-1]


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@settings(max_examples=25, deadline=None)
@given(options=configs, seed=st.integers(0, 9))
def test_its_logits_are_those_of_the_network_fed_with_its_samples(dtype, tolerance, options, seed):
    decoder = make(seed, **options).to(dtype)
    latents, speaker, conditions = condition(decoder)
    sampler = Recorder(decoder, 2, dtype)
    levels = sampler.draw(conditions, uniform(2, 36, seed))
    forced = decoder(F.pad(levels[:, :-1], (1, 0), value=ZERO_LEVEL), latents, speaker)
    torch.testing.assert_close(torch.stack(sampler.seen, 2), forced, atol=tolerance, rtol=10 * tolerance)
    assert len(levels.unique()) > 3


@settings(max_examples=15, deadline=None)
@given(options=configs, cuts=st.lists(st.integers(1, 8), max_size=4))
def test_a_draw_in_pieces_is_a_draw_at_once(options, cuts):
    decoder = make(**options)
    _, _, conditions = condition(decoder)
    draws, size = uniform(2, 36), decoder.condition_samples
    whole = ReferenceSampler(decoder, 2).draw(conditions, draws)
    sampler, frame, pieces = ReferenceSampler(decoder, 2), 0, []
    for count in [*cuts, 36]:
        if frame < conditions.shape[1]:
            rows = conditions[:, frame : frame + count]
            pieces.append(sampler.draw(rows, draws[:, frame * size : (frame + count) * size]))
            frame += count
    assert torch.equal(torch.cat(pieces, 1), whole)


def test_its_weights_are_copies():
    decoder = make()
    _, _, conditions = condition(decoder)
    expected = ReferenceSampler(decoder, 2).draw(conditions, uniform(2, 36))
    sampler = ReferenceSampler(decoder, 2)
    for parameter in decoder.parameters():
        parameter.zero_()
    assert torch.equal(sampler.draw(conditions, uniform(2, 36)), expected)


# choosing a level


def test_frequencies_are_the_probabilities():
    logits = torch.zeros(1, LEVELS)
    logits[0, [3, 100, 255]] = torch.tensor([10.0, 11.0, 12.0])
    count = 40_000
    levels = choose(logits.expand(count, -1), uniform(1, count)[0], 1.0)
    shares = torch.bincount(levels, minlength=LEVELS) / count
    torch.testing.assert_close(shares, logits[0].softmax(0), atol=0.01, rtol=0)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_temperature_divides_the_logits(temperature):
    logits = torch.randn(1, LEVELS, generator=torch.Generator().manual_seed(0))
    draws = uniform(1, 500)[0]
    plain = choose((logits / temperature).expand(500, -1), draws, 1.0)
    assert (choose(logits.expand(500, -1), draws, temperature) == plain).float().mean() > 0.99


@pytest.mark.parametrize("temperature", [0, 1e-9, 1e-310])
def test_no_temperature_takes_the_most_likely_level(temperature):
    logits = torch.randn(50, LEVELS, generator=torch.Generator().manual_seed(0)) * 3
    assert torch.equal(choose(logits, uniform(1, 50)[0], temperature), logits.argmax(1))


@pytest.mark.parametrize("number", [0.0, 0.5, 1 - 2**-53])
def test_every_uniform_number_gives_a_level_that_can_be(number):
    logits = torch.full((1, LEVELS), -1e4)
    logits[0, [40, 41, 200]] = 0.0
    level = choose(logits, torch.tensor([number], dtype=torch.float64), 1.0).item()
    assert level == {0.0: 40, 0.5: 41}.get(number, 200)
