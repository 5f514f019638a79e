"""The CPU engine gives the reference engine's logits and, where rounding does not flip a draw, its samples."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from vqspeech.errors import InputError, UnknownNameError, VQSpeechError
from vqspeech.nn.decoders.mulaw import LEVELS, ZERO_LEVEL
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling import engines, kernel, packing, sample, stream
from vqspeech.sampling.cpu import CpuSampler
from vqspeech.sampling.draws import uniforms
from vqspeech.sampling.engines import MOST_STREAMS
from vqspeech.sampling.reference import ReferenceSampler, choose
from vqspeech.sampling.sample import CHUNK_FRAMES
from vqspeech.sampling.tile import LANES
from vqspeech.speech import SpeechInterrupted

configs = st.fixed_dictionaries(
    {
        "dilations": st.lists(st.integers(1, 20), min_size=1, max_size=4).map(tuple),
        "kernel_size": st.integers(1, 3),
        "residual_channels": st.sampled_from([1, 5, 16, 31, 32, 48, 64]),
        "skip_channels": st.sampled_from([1, 6, 16, 40, 80, 256]),
        "condition_upsampling": st.sampled_from([1, 3]),
        "speakers": st.sampled_from([0, 2]),
    }
)


def make(seed=0, sharpness=1.0, **options):
    """A decoder; sharpness multiplies the weights of its logits, which as drawn hardly tell one level from another."""
    torch.manual_seed(seed)
    shape = {"dim": 3, "hop_samples": 12, "dilations": (1, 2, 4), "residual_channels": 4, "condition_channels": 4}
    decoder = WaveNet(**{**shape, **options}).requires_grad_(False)
    decoder.logits.weight *= sharpness
    return decoder


def condition(decoder, batch=1, frames=5):
    latents = torch.randn(batch, 3, frames, generator=torch.Generator().manual_seed(1))
    speaker = torch.arange(batch) % 2 if decoder.conditioner.speaker is not None else None
    return latents, speaker, decoder.conditions(latents, speaker)


def draws(batch, time, seed=0):
    return torch.from_numpy(np.stack([uniforms(seed, row, 0, time) for row in range(batch)]))


@settings(max_examples=40, deadline=None)
@given(
    options=configs, batch=st.integers(1, 5), time=st.integers(1, 60), threads=st.integers(1, 2), seed=st.integers(0, 9)
)
def test_its_logits_are_those_of_the_network(options, batch, time, threads, seed):
    decoder = make(seed, **options)
    latents, speaker, conditions = condition(decoder, batch)
    levels = torch.from_numpy(np.random.default_rng(seed).integers(0, LEVELS, (batch, 60)))
    exact = decoder.double()(F.pad(levels[:, :-1], (1, 0), value=ZERO_LEVEL), latents.double(), speaker)
    found = CpuSampler(decoder, batch, threads=threads).logits(conditions, levels[:, :time])
    torch.testing.assert_close(found.double(), exact.transpose(1, 2)[:, :time], atol=1e-4, rtol=0)


@settings(max_examples=25, deadline=None)
@given(options=configs, batch=st.integers(1, 5), time=st.integers(1, 60), temperature=st.sampled_from([0.0, 0.7, 1.0]))
def test_its_samples_are_those_of_the_reference(options, batch, time, temperature):
    """Rounding flips a draw less than once in 10^5 here; after that the two would go their own ways."""
    decoder = make(sharpness=20, **options)
    _, _, conditions = condition(decoder, batch)
    expected = ReferenceSampler(decoder, batch).draw(conditions, draws(batch, time), temperature)
    assert torch.equal(CpuSampler(decoder, batch).draw(conditions, draws(batch, time), temperature), expected)


@pytest.mark.parametrize("temperature", [1.0, 0.0])
def test_thousands_of_samples_of_a_large_network_are_those_of_the_reference(temperature, assert_same_until_rounding):
    decoder = make(3, 40, dilations=(1, 2, 4, 8, 16, 32, 64, 128) * 2, residual_channels=32, skip_channels=64)
    _, _, conditions = condition(decoder, 1, 175)
    assert_same_until_rounding(CpuSampler, decoder, conditions, draws(1, 2100), temperature)


@settings(max_examples=20, deadline=None)
@given(
    options=configs,
    cuts=st.lists(st.integers(1, 4), max_size=4),
    batch=st.integers(1, 6),
    threads=st.integers(1, 3),
    weights=st.sampled_from(["fp32", "bf16"]),
)
def test_a_stream_is_the_same_to_the_bit_in_pieces_in_company_and_on_threads(options, cuts, batch, threads, weights):
    decoder = make(**options)
    _, _, conditions = condition(decoder, batch)
    numbers, hop = draws(batch, 60), decoder.condition_samples
    conditions = conditions[:, : 60 // hop]
    sampler, frame, pieces = CpuSampler(decoder, batch, threads=threads, weights=weights), 0, []
    for count in [*cuts, 60]:
        if frame < conditions.shape[1]:
            part = numbers[:, frame * hop : (frame + count) * hop]
            pieces.append(sampler.draw(conditions[:, frame : frame + count], part))
            frame += count
    together = torch.cat(pieces, 1)
    for row in range(batch):
        alone = CpuSampler(decoder, 1, weights=weights)
        assert torch.equal(alone.draw(conditions[row : row + 1], numbers[row : row + 1])[0], together[row])


def test_streams_can_end_before_others():
    decoder = make(residual_channels=16)
    _, _, conditions = condition(decoder, 5)
    numbers, whole = draws(5, 60), CpuSampler(decoder, 5, threads=1).draw(condition(decoder, 5)[2], draws(5, 60))
    for engine in (CpuSampler(decoder, 5, threads=2), ReferenceSampler(decoder, 5)):
        first = engine.draw(conditions[:, :2], numbers[:, :24])
        second = engine.draw(conditions[:3, 2:4], numbers[:3, 24:48])
        third = engine.draw(conditions[:1, 4:], numbers[:1, 48:])
        assert torch.equal(first, whole[:, :24])
        assert torch.equal(second, whole[:3, 24:48])
        assert torch.equal(third, whole[:1, 48:])


def test_its_weights_are_copies():
    decoder = make()
    _, _, conditions = condition(decoder)
    expected = CpuSampler(decoder, 1).draw(conditions, draws(1, 60))
    sampler = CpuSampler(decoder, 1)
    for parameter in decoder.parameters():
        parameter.zero_()
    assert torch.equal(sampler.draw(conditions, draws(1, 60)), expected)


# numbers


def test_choosing_is_as_the_reference_chooses():
    generator = torch.Generator().manual_seed(0)
    rows = torch.cat([torch.randn(300, LEVELS, generator=generator) * scale for scale in (0.1, 3, 100)])
    rows[::7, 3:200] = -1e4
    numbers = torch.rand(len(rows), dtype=torch.float64, generator=generator)
    numbers[:100], numbers[100:200] = 0.0, 1 - 2**-53
    for temperature in (0.0, 1e-310, 1e-9, 0.5, 1.0, 3.0):
        expected = choose(rows, numbers, temperature)
        found = [
            kernel.choose(row, 0, u, temperature, np.empty(LEVELS))
            for row, u in zip(rows.numpy(), numbers.numpy(), strict=True)
        ]
        assert found == expected.tolist()


def test_the_gate_is_exact_to_rounding():
    signal, gate = np.meshgrid(np.linspace(-30, 30, 1201), [-200, -90, -20, -3, -1e-3, 0, 1, 9, 20, 200])
    both = np.stack([signal.ravel(), gate.ravel()]).astype(np.float32)
    found = np.empty(both.shape[1], np.float32)
    kernel.gate(both.reshape(-1), 0, found, 0, len(found))
    with np.errstate(over="ignore"):
        exact = np.tanh(both[0].astype(np.float64)) / (1 + np.exp(-both[1].astype(np.float64)))
    assert np.abs(found - exact).max() < 3e-7


def test_bf16_is_nearest_and_never_loses_a_sign():
    flat = np.random.default_rng(0).normal(size=64 * LANES).astype(np.float32)
    flat[::5], flat[1::5] = 0.0, -0.0
    words = packing.bf16_pairs(flat).reshape(-1, LANES)
    read = np.stack([(words << 16).view(np.float32), words.view(np.float32)], 1).reshape(-1)
    assert np.abs(read - flat).max() <= np.abs(flat).max() * 2.0**-9
    big = np.abs(flat) > 1e-3
    assert (np.abs(read - flat)[big] <= np.abs(flat[big]) * 2.0**-8).all()
    assert np.abs(read[flat == 0]).max() < 1e-38


@settings(max_examples=15, deadline=None)
@given(options=configs, batch=st.integers(1, 5))
def test_bf16_weights_are_close(options, batch):
    decoder = make(**options)
    _, _, conditions = condition(decoder, batch)
    levels = torch.randint(0, LEVELS, (batch, 60), generator=torch.Generator().manual_seed(2))
    exact = CpuSampler(decoder, batch).logits(conditions, levels)
    rough = CpuSampler(decoder, batch, weights="bf16").logits(conditions, levels)
    assert (rough - exact).abs().max() < 0.02


def test_panels_are_the_matrix():
    matrix = np.arange(3 * 7 * LANES, dtype=np.float32).reshape(3, -1)
    parts = packing.panels(matrix, 4 * LANES, LANES)
    assert [part.size // 3 // LANES for part in parts] == [4, 2, 1]
    assert np.array_equal(np.concatenate([part.reshape(3, -1) for part in parts], 1), matrix)


# engines and pieces


def test_auto_is_this_engine(monkeypatch):
    monkeypatch.setattr(engines, "cuda_trouble", lambda: "no GPU")
    decoder = make()
    assert sample(decoder, [condition(decoder)[2][0]], [5]).engine == "cpu"


def test_without_numba_auto_is_the_reference_and_says_so(monkeypatch):
    monkeypatch.setattr(engines, "numba_trouble", lambda: "ImportError: no numba")
    monkeypatch.setattr(engines, "cuda_trouble", lambda: "no GPU")
    decoder = make()
    rows = [condition(decoder)[2][0]]
    with pytest.warns(UserWarning, match="slow reference engine, because numba does not work: ImportError: no numba"):
        assert sample(decoder, rows, [5]).engine == "reference"
    with pytest.raises(
        VQSpeechError, match=r"the cpu engine needs numba.*ImportError: no numba. Use engine 'reference'"
    ):
        sample(decoder, rows, [5], engine="cpu")


def test_looking_for_numba_leaves_random_numbers_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    assert engines.numba_trouble.__wrapped__() == ""
    assert torch.equal(torch.rand(1), expected)


def test_what_is_not_usable_is_named():
    decoder = make()
    rows = [condition(decoder)[2][0]]
    with pytest.raises(UnknownNameError, match=r"unknown storage of weights 'bf61'.*Did you mean 'bf16'"):
        sample(decoder, rows, [5], weights="bf61")
    with pytest.raises(InputError, match="reference engine has fp32 weights only"):
        sample(decoder, rows, [5], weights="bf16", engine="reference")
    with pytest.raises(InputError, match="0 threads cannot sample"):
        CpuSampler(decoder, 1, threads=0)


class Lazy:
    """Conditions that are computed when they are asked for."""

    def __init__(self, rows):
        self.rows, self.most = rows, 0

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, frames):
        self.most = max(self.most, len(self.rows[frames]))
        return self.rows[frames]


def test_a_stream_comes_in_pieces_and_asks_for_a_few_conditions_at_a_time():
    decoder = make()
    rows = condition(decoder, 1, 4 * CHUNK_FRAMES)[2][0]
    (whole,) = sample(decoder, [rows], [1150], seed=4, streams=[9]).waveforms
    lazy = Lazy(rows)
    pieces = list(stream(decoder, lazy, 1150, seed=4, stream=9))
    assert len(pieces) >= 4
    assert lazy.most <= CHUNK_FRAMES
    assert np.array_equal(np.concatenate(pieces), whole)


def test_more_utterances_than_are_drawn_together():
    decoder = make()
    rows = condition(decoder, 3, 4)[2]
    count, seen = MOST_STREAMS["cpu"] + 3, []
    lengths = [1 + 13 * index % 48 for index in range(count)]
    some = [rows[index % 3] for index in range(count)]
    result = sample(decoder, some, lengths, engine="cpu", progress=lambda *said: seen.append(said))
    assert [len(waveform) for waveform in result.waveforms] == lengths
    for index in (0, 40, count - 1):
        (alone,) = sample(decoder, [some[index]], [lengths[index]], engine="cpu", streams=[index]).waveforms
        assert np.array_equal(alone, result.waveforms[index])
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_ctrl_c_leaves_the_beginning(engine):
    decoder = make()
    rows = condition(decoder, 2, 4 * CHUNK_FRAMES)[2]
    whole = sample(decoder, rows, [1200, 30], engine=engine).waveforms

    def interrupt(done, total):
        if done >= 400:
            raise KeyboardInterrupt

    with pytest.raises(SpeechInterrupted) as caught:
        sample(decoder, rows, [1200, 30], engine=engine, progress=interrupt)
    partial = caught.value.speech.waveforms
    assert 400 <= len(partial[0]) < 1200
    assert np.array_equal(partial[0], whole[0][: len(partial[0])])
    assert np.array_equal(partial[1], whole[1])
