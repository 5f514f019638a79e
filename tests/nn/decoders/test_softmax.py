"""The softmax's likelihood in pieces against PyTorch's cross-entropy on the whole."""

import pytest
import torch
from torch.nn import functional as F

from vqspeech.nn.decoders import softmax
from vqspeech.nn.decoders.softmax import softmax_nll


def case(rows, dtype=torch.float64, classes=11):
    torch.manual_seed(rows)
    hidden, weight, bias = (
        torch.randn(*shape, dtype=dtype).requires_grad_() for shape in ((rows, 6), (classes, 6), (classes,))
    )
    return hidden, weight, bias, torch.randint(0, classes, (rows,))


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 40])
def test_values_and_gradients_do_not_depend_on_the_pieces(rows, monkeypatch):
    monkeypatch.setattr(softmax, "PIECE", 8)
    hidden, weight, bias, levels = case(rows)
    found = softmax_nll(hidden, weight, bias, levels)
    wanted = F.cross_entropy(F.linear(hidden, weight, bias), levels, reduction="none")
    torch.testing.assert_close(found, wanted)
    scale = torch.randn(rows, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad(nll, (hidden, weight, bias), scale) for nll in (found, wanted))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("classes", [11, 16, 256])
def test_of_bfloat16_the_result_is_float32_and_near(classes):
    hidden, weight, bias, levels = case(300, classes=classes)
    assert softmax.fit(hidden.bfloat16(), classes) == (classes % 16 == 0)
    found = softmax_nll(hidden.bfloat16(), weight, bias, levels)
    assert found.dtype == torch.float32
    wanted = F.cross_entropy(F.linear(hidden, weight, bias), levels, reduction="none")
    torch.testing.assert_close(found.double(), wanted, atol=0.1, rtol=0.05)
    scale = torch.rand(300, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad(nll, (hidden, weight, bias), scale.to(nll.dtype)) for nll in (found, wanted))
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == torch.float64
        assert (one - other).norm() < 0.05 * other.norm()


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_no_number_stays_so(value):
    hidden, weight, bias, levels = (tensor.detach() for tensor in case(40, classes=32))
    hidden[7, 2] = value
    assert softmax_nll(hidden.bfloat16(), weight, bias, levels).isnan().nonzero().flatten().tolist() == [7]


def test_gradients_can_be_taken_twice():
    hidden, weight, bias, levels = case(40, classes=32)
    loss = softmax_nll(hidden.bfloat16(), weight, bias, levels).sum()
    first = torch.autograd.grad(loss, (hidden, weight, bias), retain_graph=True)
    for one, other in zip(first, torch.autograd.grad(loss, (hidden, weight, bias)), strict=True):
        assert torch.equal(one, other)


def test_logits_of_all_rows_never_exist_at_once(monkeypatch):
    monkeypatch.setattr(softmax, "PIECE", 8)
    largest = 0
    addmm = torch.addmm

    def watched(*args, **kwargs):
        nonlocal largest
        logits = addmm(*args, **kwargs)
        largest = max(largest, len(logits))
        return logits

    monkeypatch.setattr(torch, "addmm", watched)
    hidden, weight, bias, levels = case(40)
    softmax_nll(hidden, weight, bias, levels).sum().backward()
    assert largest == 8
