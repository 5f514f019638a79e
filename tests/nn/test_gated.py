"""The fused stack of gated layers against its layers one by one, values and gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from vqspeech.nn.gated import gated_stack


def plain_stack(hidden, conditions, gates, residual, dilations):
    """The same as `gated_stack` by autograd, tap by tap."""
    time, outputs = hidden.shape[1], []
    held = conditions.repeat_interleave(time // conditions.shape[1], 1)
    for layer, (gate, dilation) in enumerate(zip(gates, dilations, strict=True)):
        total = held[:, :, layer]
        for tap, weight in enumerate(gate):
            lag = (len(gate) - 1 - tap) * dilation
            total = total + F.pad(hidden, (0, 0, lag, 0))[:, :time] @ weight
        signal, opening = total.chunk(2, -1)
        z = torch.tanh(signal) * torch.sigmoid(opening)
        outputs.append(2 * z)
        if layer < len(residual):
            hidden = hidden + F.linear(z, *residual[layer])
    return torch.cat(outputs, -1)


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


def test_in_bfloat16_values_and_gradients_are_near_float64():
    arguments = case(width=16, frames=4, samples=16)
    for weights in arguments[2]:
        weights.data *= 0.2  # gates that are not saturated, as in a trained network
    rounded = [tensor.detach().bfloat16().requires_grad_() for tensor in leaves(arguments)]
    layers = len(arguments[-1])
    low = (
        rounded[0],
        rounded[1],
        rounded[2 : 2 + layers],
        list(zip(rounded[2 + layers :: 2], rounded[3 + layers :: 2], strict=True)),
        arguments[-1],
    )
    found, wanted = gated_stack(*low), plain_stack(*arguments)
    assert found.dtype == torch.bfloat16
    weight = torch.randn_like(wanted)
    ours = torch.autograd.grad(found, rounded, weight.bfloat16())
    theirs = torch.autograd.grad(wanted, leaves(arguments), weight)
    for low_gradient, gradient in zip(ours, theirs, strict=True):
        assert (low_gradient - gradient).norm() < 0.05 * gradient.norm()


@pytest.mark.parametrize("without", ["hidden", "conditions"])
def test_gradients_flow_where_one_input_wants_none(without):
    arguments = case()
    arguments[("hidden", "conditions").index(without)].requires_grad_(False)
    wanted = [tensor for tensor in leaves(arguments) if tensor.requires_grad]
    ours, theirs = (torch.autograd.grad(f(*arguments).square().sum(), wanted) for f in (gated_stack, plain_stack))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)
