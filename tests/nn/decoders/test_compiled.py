"""Compiled training steps: the same numbers, few compilations, and no run that ends because compiling fails."""

import copy
import pickle
import shutil
import warnings

import pytest
import torch
from torch import nn
from torch._dynamo.backends.common import aot_autograd

from vqspeech.errors import ConfigError
from vqspeech.nn.decoders import compiled
from vqspeech.nn.decoders.compiled import MOST_SHAPES, Compiled
from vqspeech.nn.decoders.wavenet import WaveNet


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def graphs(monkeypatch):
    """Graphs that were compiled, by a backend that runs them as they are."""
    found = []

    def backend(graph, inputs):
        found.append(graph)
        return graph

    monkeypatch.setattr(compiled, "BACKEND", backend)
    return found


def broken(graph, inputs):
    raise RuntimeError("no working compiler\nand many more lines")


def product(module, x):
    return module(x).tanh()


def wavenet(**options):
    torch.manual_seed(0)
    shape = {"dim": 3, "hop_samples": 8, "dilations": (1, 2, 4), "residual_channels": 16, "skip_channels": 16}
    return WaveNet(**{**shape, "condition_channels": 4, "speakers": 2, **options})


def loss(decoder, rows=2, frames=3):
    generator = torch.Generator().manual_seed(1)
    levels = torch.randint(256, (rows, 8 * frames), generator=generator)
    latents = torch.randn(rows, 3, frames, generator=generator)
    return decoder.negative_log_likelihood(levels, decoder.conditions(latents, torch.arange(rows) % 2))


def gradients(decoder):
    decoder.zero_grad()
    nll = loss(decoder)
    nll.mean().backward()
    return [nll.detach(), *(parameter.grad.clone() for parameter in decoder.parameters())]


# one function


def test_shapes_are_compiled_once_each_up_to_a_bound(graphs):
    call, module = Compiled(product), nn.Linear(3, 3)
    for _ in range(2):
        for rows in range(1, MOST_SHAPES + 1):
            call(module, torch.ones(rows, 3)).sum().backward()
    assert len(graphs) == MOST_SHAPES
    with pytest.warns(UserWarning, match=f"more than {MOST_SHAPES} shapes"):
        found = call(module, torch.ones(90, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call(module, torch.ones(91, 3))
    assert len(graphs) == MOST_SHAPES
    assert torch.equal(found, product(module, torch.ones(90, 3)))


@pytest.mark.parametrize("backend", [broken, aot_autograd(fw_compiler=lambda graph, _: graph, bw_compiler=broken)])
def test_a_failure_to_compile_either_pass_is_one_warning_with_the_reason(backend, monkeypatch):
    monkeypatch.setattr(compiled, "BACKEND", backend)
    call, module = Compiled(product), nn.Linear(3, 3)
    with pytest.warns(UserWarning) as caught:
        for rows in (1, 2, 2):
            found = call(module, torch.ones(rows, 3))
            found.sum().backward()
            assert torch.equal(found, product(module, torch.ones(rows, 3)))
    # PyTorch has warnings of its own, such as a RuntimeWarning about guards on Python 3.13.0.
    (said,) = (str(warning.message) for warning in caught if warning.category is UserWarning)
    assert "RuntimeError: no working compiler" in said
    assert "many more lines" not in said


def test_too_little_memory_is_no_failure_to_compile(graphs):
    def needs_memory(module, x):
        raise torch.OutOfMemoryError("CUDA out of memory")

    call = Compiled(needs_memory)
    call._compiled = needs_memory
    with pytest.raises(torch.OutOfMemoryError):
        call(nn.Linear(3, 3), torch.ones(1, 3))
    assert call.failure is None


# a WaveNet


@pytest.mark.parametrize("backend", ["eager", "aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled_training_computes_what_uncompiled_training_does(backend, monkeypatch):
    """Likelihoods within 1e-5, each gradient within 1e-4 of its norm, in float32."""
    if backend == "inductor" and not (shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("no C++ compiler")
    monkeypatch.setattr(compiled, "BACKEND", backend)
    decoder = wavenet(dilations=(1, 2))
    wanted = gradients(decoder)
    assert decoder.computation == "fused cpu"
    decoder.compilation = True
    found = gradients(decoder)
    assert decoder.computation == "plain compiled"
    torch.testing.assert_close(found[0], wanted[0], atol=1e-5, rtol=1e-5)
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).norm() <= 1e-4 * other.norm()


def test_under_autocast_products_are_bfloat16_and_gradients_are_near(graphs):
    decoder = wavenet()
    wanted = gradients(decoder)
    decoder.compilation = True
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(decoder)
    assert found[0].dtype == torch.float32
    torch.testing.assert_close(found[0], wanted[0], atol=0.1, rtol=0.02)
    whole, exact = (torch.cat([gradient.flatten() for gradient in each[1:]]) for each in (found, wanted))
    assert (whole - exact).norm() < 0.05 * exact.norm()
    assert len(graphs) == 1


def test_steps_and_evaluation_and_other_decoders_of_the_same_shape_compile_once(graphs):
    decoder = wavenet()
    decoder.compilation = True
    optimiser = torch.optim.SGD(decoder.parameters(), 0.1)
    for rows in (2, 5):
        loss(decoder).mean().backward()
        optimiser.step()
        with torch.no_grad():
            loss(decoder.eval(), rows=rows, frames=4)
        decoder.train().load_state_dict(copy.deepcopy(decoder.state_dict()))
    assert len(graphs) == 1
    assert decoder.computation == "plain compiled"
    twin = copy.deepcopy(decoder)
    loss(twin).mean().backward()
    assert twin.computation == "plain compiled"
    assert len(graphs) == 1


@pytest.mark.parametrize("choice", ["auto", False])
def test_cpus_compile_only_where_that_is_asked_for(choice, graphs):
    decoder = wavenet()
    decoder.compilation = choice
    loss(decoder)
    assert decoder.computation == "fused cpu"
    assert not graphs


def test_compilation_that_a_cpu_cannot_do_is_a_clear_error(monkeypatch):
    monkeypatch.setattr(compiled, "BACKEND", broken)
    decoder = wavenet()
    decoder.compilation = True
    with pytest.raises(ConfigError, match=r"train\.compile = true.*no working compiler.*auto"):
        loss(decoder)


def test_a_decoder_that_was_compiled_can_be_pickled(graphs):
    decoder = wavenet()
    decoder.compilation = True
    nll = loss(decoder)
    again = pickle.loads(pickle.dumps(decoder))
    torch.testing.assert_close(loss(again), nll)
