"""The CUDA engine's operations give the reference's logits and samples on a CPU, and as a graph on a GPU."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from vqspeech.errors import InputError, UnknownNameError
from vqspeech.nn.decoders.mulaw import LEVELS, ZERO_LEVEL
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling import cuda, engines, sample
from vqspeech.sampling.cpu import CpuSampler
from vqspeech.sampling.cuda import REPLAYED_SAMPLES, CudaSampler
from vqspeech.sampling.draws import uniforms
from vqspeech.sampling.reference import ReferenceSampler

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]

configs = st.fixed_dictionaries(
    {
        "dilations": st.lists(st.integers(1, 20), min_size=1, max_size=4).map(tuple),
        "kernel_size": st.integers(1, 3),
        "residual_channels": st.sampled_from([1, 5, 16, 32]),
        "skip_channels": st.sampled_from([1, 6, 40]),
        "condition_upsampling": st.sampled_from([1, 3]),
        "speakers": st.sampled_from([0, 2]),
    }
)


def make(seed=0, sharpness=20.0, **options):
    """A decoder that can tell one level from another, and whose residual biases are not small."""
    torch.manual_seed(seed)
    shape = {"dim": 3, "hop_samples": 12, "dilations": (1, 2, 4), "residual_channels": 4, "condition_channels": 4}
    decoder = WaveNet(**{**shape, **options}).requires_grad_(False)
    decoder.logits.weight *= sharpness
    for layer in decoder.residual:
        layer.bias.normal_()
    return decoder


def condition(decoder, batch=1, frames=5):
    latents = torch.randn(batch, 3, frames, generator=torch.Generator().manual_seed(1))
    speaker = torch.arange(batch) % 2 if decoder.conditioner.speaker is not None else None
    return latents, speaker, decoder.conditions(latents, speaker)


def draws(batch, time, seed=0):
    return torch.from_numpy(np.stack([uniforms(seed, row, 0, time) for row in range(batch)]))


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=40, deadline=None)
@given(options=configs, batch=st.integers(1, 5), time=st.integers(1, 60), seed=st.integers(0, 9))
def test_its_logits_are_those_of_the_network(device, options, batch, time, seed):
    decoder = make(seed, 1.0, **options)
    latents, speaker, conditions = condition(decoder, batch)
    levels = torch.from_numpy(np.random.default_rng(seed).integers(0, LEVELS, (batch, 60)))
    exact = decoder.double()(F.pad(levels[:, :-1], (1, 0), value=ZERO_LEVEL), latents.double(), speaker)
    sampler = CudaSampler(decoder, batch, device=device, way="eager")
    found = sampler.logits(conditions, levels[:, :time])
    torch.testing.assert_close(found.double(), exact.transpose(1, 2)[:, :time], atol=1e-4, rtol=0)


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=25, deadline=None)
@given(options=configs, batch=st.integers(1, 5), time=st.integers(1, 60), temperature=st.sampled_from([0.0, 0.7, 1.0]))
def test_its_samples_are_those_of_the_reference(device, options, batch, time, temperature):
    decoder = make(**options)
    _, _, conditions = condition(decoder, batch)
    expected = ReferenceSampler(decoder, batch).draw(conditions, draws(batch, time), temperature)
    sampler = CudaSampler(decoder, batch, device=device, way="eager")
    assert torch.equal(sampler.draw(conditions, draws(batch, time), temperature), expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("temperature", [1.0, 0.0])
def test_thousands_of_samples_are_those_of_the_reference(device, temperature, assert_same_until_rounding):
    decoder = make(3, 40, dilations=(1, 2, 4, 8, 16, 32, 64, 128) * 2, residual_channels=32, skip_channels=64)
    _, _, conditions = condition(decoder, 2, 175)

    def engine(decoder, batch):
        return CudaSampler(decoder, batch, device=device)

    found, expected = assert_same_until_rounding(engine, decoder, conditions, draws(2, 2100), temperature)
    assert device != "cpu" or torch.equal(found, expected)


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=15, deadline=None)
@given(options=configs, cuts=st.lists(st.integers(1, 4), max_size=4), weights=st.sampled_from(["fp32", "bf16"]))
def test_a_draw_in_pieces_is_a_draw_at_once(device, options, cuts, weights):
    decoder = make(**options)
    _, _, conditions = condition(decoder, 2)
    numbers, hop = draws(2, 60), decoder.condition_samples
    whole = CudaSampler(decoder, 2, device=device, weights=weights, way="eager").draw(conditions, numbers)
    sampler, frame, pieces = CudaSampler(decoder, 2, device=device, weights=weights, way="eager"), 0, []
    for count in [*cuts, 60]:
        if frame * hop < 60:
            part = numbers[:, frame * hop : (frame + count) * hop]
            pieces.append(sampler.draw(conditions[:, frame : frame + count], part))
            frame += count
    assert torch.equal(torch.cat(pieces, 1), whole)


def test_conditions_come_in_turns_when_they_are_large(monkeypatch):
    decoder = make()
    _, _, conditions = condition(decoder, 2, 9)
    whole = CudaSampler(decoder, 2, device="cpu").draw(conditions, draws(2, 100))
    monkeypatch.setattr(cuda, "CONDITION_BYTES", 1)
    small = CudaSampler(decoder, 2, device="cpu")
    assert REPLAYED_SAMPLES <= small._step.capacity < 30
    assert torch.equal(small.draw(conditions, draws(2, 100)), whole)


def test_streams_can_end_before_others():
    decoder = make()
    _, _, conditions = condition(decoder, 3)
    whole = ReferenceSampler(decoder, 3).draw(conditions, draws(3, 60))
    sampler = CudaSampler(decoder, 3, device="cpu")
    assert torch.equal(sampler.draw(conditions[:, :2], draws(3, 24)), whole[:, :24])
    assert torch.equal(sampler.draw(conditions[:2, 2:], draws(3, 60)[:2, 24:]), whole[:2, 24:])


def test_its_weights_are_copies():
    decoder = make()
    _, _, conditions = condition(decoder)
    expected = CudaSampler(decoder, 1, device="cpu").draw(conditions, draws(1, 60))
    sampler = CudaSampler(decoder, 1, device="cpu")
    for parameter in decoder.parameters():
        parameter.zero_()
    assert torch.equal(sampler.draw(conditions, draws(1, 60)), expected)


@settings(max_examples=15, deadline=None)
@given(options=configs, batch=st.integers(1, 3))
def test_bf16_rounds_the_matrices_and_nothing_else(options, batch):
    decoder = make(sharpness=1.0, **options)
    _, _, conditions = condition(decoder, batch)
    levels = torch.randint(0, LEVELS, (batch, 60), generator=torch.Generator().manual_seed(2))
    found = CudaSampler(decoder, batch, device="cpu", weights="bf16").logits(conditions, levels)
    linear = [*decoder.residual, decoder.skip, decoder.hidden, decoder.logits]
    for weight in [*decoder.gates, *(layer.weight for layer in linear)]:
        weight.copy_(weight.bfloat16())
    rounded = CpuSampler(decoder, batch).logits(conditions, levels)
    torch.testing.assert_close(found, rounded, atol=1e-4, rtol=0)


def test_a_step_neither_asks_the_device_nor_moves_a_buffer(monkeypatch):
    """A CUDA graph records neither numbers that go to the host nor tensors that move before the next replay."""
    step = CudaSampler(make(kernel_size=3), 2, device="cpu")._step
    buffers = {name: value.data_ptr() for name, value in vars(step).items() if isinstance(value, torch.Tensor)}

    def asked(*_):
        raise AssertionError("a step asked for a number")

    for question in ("item", "tolist", "__bool__", "__int__", "__float__", "cpu", "nonzero"):
        monkeypatch.setattr(torch.Tensor, question, asked)
    step.advance(REPLAYED_SAMPLES)
    assert buffers == {name: value.data_ptr() for name, value in vars(step).items() if isinstance(value, torch.Tensor)}


# choosing the engine


@pytest.fixture
def fallen(monkeypatch):
    """A machine whose GPU is there and does not work."""

    def broken(*_, **__):
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nCUDA kernel errors ...")

    monkeypatch.setattr(engines, "cuda_trouble", lambda: "")
    monkeypatch.setattr(cuda, "CudaSampler", broken)


@pytest.mark.parametrize("asked", ["auto", "cuda"])
def test_a_gpu_that_fails_is_replaced_by_the_cpu_with_one_message(fallen, asked, monkeypatch):
    monkeypatch.setitem(engines.MOST_STREAMS, "cuda", 1)
    monkeypatch.setitem(engines.MOST_STREAMS, "cpu", 1)
    decoder = make()
    rows = condition(decoder, 2)[2]
    with pytest.warns(UserWarning) as caught:
        result = sample(decoder, rows, [20, 20], engine=asked)
    (message,) = (str(warning.message) for warning in caught)
    assert "cpu" in message
    assert message.endswith("CUDA error: operation not permitted when stream is capturing")
    assert result.engine == "cpu"
    expected = sample(decoder, rows, [20, 20], engine="cpu").waveforms
    assert all(np.array_equal(a, b) for a, b in zip(result.waveforms, expected, strict=True))


def test_auto_takes_the_gpu_that_works(monkeypatch):
    monkeypatch.setattr(engines, "cuda_trouble", lambda: "")
    assert engines.resolve("auto") == "cuda"
    monkeypatch.setattr(engines, "cuda_trouble", lambda: "no GPU")
    assert engines.resolve("auto") == "cpu"


def test_without_a_gpu_cuda_is_unusable_input(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    decoder = make()
    with pytest.raises(InputError, match=r"engine 'cuda' needs an NVIDIA GPU.*Engine 'cpu' needs none") as caught:
        sample(decoder, [condition(decoder)[2][0]], [5], engine="cuda")
    assert caught.value.exit_code == 2


def test_what_nobody_knows_is_named():
    with pytest.raises(UnknownNameError, match=r"unknown storage of weights 'int8'"):
        CudaSampler(make(), 1, device="cpu", weights="int8")
    with pytest.raises(UnknownNameError, match=r"unknown way of drawing 'grph'.*Did you mean 'graph'"):
        CudaSampler(make(), 1, device="cpu", way="grph")
