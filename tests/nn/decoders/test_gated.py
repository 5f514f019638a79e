"""The fused stack of gated layers against its layers one by one, values and gradients."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from vqspeech.nn.decoders import gated
from vqspeech.nn.decoders.dilated import dilated_taps, residual_block
from vqspeech.nn.decoders.gated import gated_stack


def plain_stack(hidden, conditions, gates, residual, dilations):
    """The same as `gated_stack` by the layers as `WaveNet` has them."""
    outputs = []
    for layer, (gate, dilation) in enumerate(zip(gates, dilations, strict=True)):
        mix = partial(mixed, residual[layer]) if layer < len(residual) else None
        taps = dilated_taps(hidden, len(gate), dilation)
        z, hidden = residual_block(hidden, taps, conditions[:, :, layer], gate, mix)
        outputs.append(2 * z)
    return torch.cat(outputs, -1)


def mixed(layer, z):
    return F.linear(z, *layer)


def case(*, dilations=(1, 2, 4), taps=2, batch=2, frames=3, samples=4, width=3, seed=0):
    """Random arguments of the stack in float64, all wanting gradients."""
    torch.manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, dtype=torch.float64).requires_grad_()

    layers = len(dilations)
    return (
        draw(batch, frames * samples, width),
        draw(batch, frames, layers, 2 * width),
        [draw(taps, width, 2 * width) for _ in dilations],
        [(draw(width, width), draw(width)) for _ in dilations[1:]],
        dilations,
    )


def leaves(arguments):
    hidden, conditions, gates, residual, _ = arguments
    return [hidden, conditions, *gates, *(part for layer in residual for part in layer)]


@settings(max_examples=40, deadline=None)
@given(
    dilations=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    taps=st.integers(1, 3),
    batch=st.integers(1, 3),
    frames=st.integers(1, 3),
    samples=st.integers(1, 6),
    seed=st.integers(0, 9),
)
def test_values_and_gradients_are_those_of_the_layers_one_by_one(**shape):
    arguments = case(**shape)
    found, wanted = gated_stack(*arguments), plain_stack(*arguments)
    torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-10)
    weight = torch.randn_like(wanted)
    gradients = [torch.autograd.grad(output, leaves(arguments), weight) for output in (found, wanted)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=1e-10)


def rounded(arguments, dtype):
    """The same numbers in another dtype, wanting gradients."""
    low = [tensor.detach().to(dtype).requires_grad_() for tensor in leaves(arguments)]
    layers = len(arguments[-1])
    residual = list(zip(low[2 + layers :: 2], low[3 + layers :: 2], strict=True))
    return low[0], low[1], low[2 : 2 + layers], residual, arguments[-1]


def tame(**shape):
    """A case whose gates are not saturated, as in a trained network."""
    arguments = case(**shape)
    for weights in [*arguments[2], *(weight for weight, _ in arguments[3])]:
        weights.data /= (weights[..., 0].numel()) ** 0.5
    return arguments


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.05), (torch.float32, 1e-5)])
@pytest.mark.parametrize("taps", [1, 2, 3])
def test_in_lower_precision_values_and_gradients_are_near_float64(dtype, tolerance, taps, fused, monkeypatch):
    if not fused:
        monkeypatch.setattr(gated, "fit", lambda *_: False)
    arguments = tame(width=32, frames=4, samples=16, taps=taps, dilations=(1, 2, 100, 7))
    low = rounded(arguments, dtype)
    assert not fused or gated.fit(low[0], 32)
    found, wanted = gated_stack(*low), plain_stack(*arguments)
    assert found.dtype == dtype
    assert (found - wanted).norm() < tolerance * wanted.norm()
    weight = torch.randn_like(wanted)
    ours = torch.autograd.grad(found, leaves(low), weight.to(dtype))
    theirs = torch.autograd.grad(wanted, leaves(arguments), weight)
    for low_gradient, gradient in zip(ours, theirs, strict=True):
        assert low_gradient.dtype == dtype
        assert (low_gradient - gradient).norm() < tolerance * gradient.norm()


@settings(max_examples=30, deadline=None)
@given(
    dilations=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    taps=st.integers(1, 3),
    batch=st.integers(1, 3),
    frames=st.integers(1, 3),
    samples=st.integers(1, 6),
    seed=st.integers(0, 9),
)
def test_the_passes_for_cpus_take_every_shape(**shape):
    arguments = rounded(tame(width=16, **shape), torch.float32)
    found, wanted = gated_stack(*arguments), plain_stack(*arguments)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    weight = torch.randn_like(wanted)
    gradients = [torch.autograd.grad(output, leaves(arguments), weight) for output in (found, wanted)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)


def test_the_result_has_the_same_bits_with_any_number_of_threads():
    arguments, threads, results = (
        rounded(tame(width=16, batch=3, frames=5, samples=8), torch.bfloat16),
        torch.get_num_threads(),
        [],
    )
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            output = gated_stack(*arguments)
            results.append([output, *torch.autograd.grad(output.float().square().sum(), leaves(arguments))])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert torch.equal(one, two)


def test_nan_stays_nan_so_that_training_notices_it():
    arguments = rounded(tame(width=16, frames=2, samples=8), torch.bfloat16)
    with torch.no_grad():
        arguments[0][0, 5, 3] = torch.nan
        output = gated_stack(*arguments)
    assert output[0, 5].isnan().all()
    assert not output[0, :5].isnan().any()
    assert not output[1].isnan().any()


@pytest.mark.parametrize("without", ["hidden", "conditions"])
def test_gradients_flow_where_one_input_wants_none(without):
    arguments = case()
    arguments[("hidden", "conditions").index(without)].requires_grad_(False)
    wanted = [tensor for tensor in leaves(arguments) if tensor.requires_grad]
    ours, theirs = (torch.autograd.grad(f(*arguments).square().sum(), wanted) for f in (gated_stack, plain_stack))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)
