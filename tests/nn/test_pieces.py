"""A function computed in pieces is that function, with its gradients, whatever number of threads computes it."""

import pytest
import torch

from vqspeech.kernels.workers import workers
from vqspeech.nn.decoders.wavenet import FUSED, WaveNet
from vqspeech.nn.pieces import number_of_pieces, piecewise, rowwise


def product(x, weight):
    return (x @ weight).tanh()


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("pieces", [1, 3, 5])
def test_the_gradients_are_those_of_the_whole(pieces, count):
    x, weight = torch.randn(5, 3, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    with workers(count):
        found = piecewise(product, [x], [weight], pieces)
        gradients = torch.autograd.grad(found.square().sum(), [x, weight])
    wanted = product(x, weight)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(gradients, torch.autograd.grad(wanted.square().sum(), [x, weight]))


def test_only_wanted_gradients_are_computed():
    x, weight = torch.randn(4, 3, requires_grad=True), torch.randn(3, 4)
    piecewise(product, [x], [weight], 2).sum().backward()
    assert x.grad is not None and weight.grad is None
    assert not piecewise(product, [x.detach()], [weight], 2).requires_grad


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients_no_graph_is_kept(mode):
    x, weight, seen = torch.randn(4, 3), torch.randn(3, 4, requires_grad=True), []

    def compute(x, weight):
        result = product(x, weight)
        seen.append(result.requires_grad)
        return result

    with mode(), workers(2):
        found = piecewise(compute, [x], [weight], 2)
    torch.testing.assert_close(found, product(x, weight).detach())
    assert seen == [False, False]


def test_the_number_of_pieces_depends_on_the_batch_only():
    assert number_of_pieces(8, 5120, 32) == 4
    assert number_of_pieces(2, 5120, 64) == 2
    assert number_of_pieces(1, 5120, 64) == 1
    assert number_of_pieces(3, 10, 16) == 1
    assert number_of_pieces(64, 5120, 64) == 8


@pytest.mark.parametrize("bfloat16", [True, False])
def test_a_wavenet_has_the_same_bits_with_any_number_of_workers(bfloat16):
    torch.manual_seed(0)
    decoder = WaveNet(dim=8, hop_samples=64, dilations=[1, 2], residual_channels=32, skip_channels=32)
    levels, latents = torch.randint(0, 256, (4, 8192)), torch.randn(4, 8, 128)
    assert number_of_pieces(4, 8192, 32) == 4

    def bits(count):
        decoder.zero_grad()
        with workers(count), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            nll = decoder.negative_log_likelihood(levels, decoder.conditions(latents, None), computation=FUSED)
            nll.mean().backward()
        return [nll.detach(), *(parameter.grad for parameter in decoder.parameters())]

    assert all(torch.equal(one, other) for one, other in zip(bits(1), bits(3), strict=True))


def test_rows_are_computed_without_gradients_as_the_caller_computes():
    weight = torch.randn(3, 3, requires_grad=True)

    def row(number):
        return number, (weight @ weight).dtype, (weight @ weight).requires_grad, torch.get_num_threads()

    for count in (1, 3):
        with workers(count), torch.autocast("cpu", torch.bfloat16):
            assert rowwise(row, 11) == [(number, torch.bfloat16, False, 1) for number in range(11)]
        with workers(count), torch.inference_mode():
            assert torch.stack(rowwise(torch.zeros(4).add_, 4)).shape == (4, 4)
    assert rowwise(row, 0) == []


@pytest.mark.parametrize("bfloat16", [True, False])
def test_pieces_compute_as_the_caller(bfloat16):
    x, weight = torch.randn(5, 3), torch.randn(3, 4, requires_grad=True)
    for need in (True, False):
        with workers(2), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            found = piecewise(product, [x], [weight.requires_grad_(need)], 2)
            torch.testing.assert_close(found, product(x, weight))
