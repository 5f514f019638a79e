"""What the wrapper keeps away from the peer, and the identity of each variant."""

import subprocess
import sys

import pytest
import torch

from vqspeech.errors import ConfigError
from vqspeech.model import build_quantizer

NAMES = ["vqp-simvq", "vqp-lfq", "vqp-bsq", "vqp-rotation", "vqp-random-projection"]
DIM = 6
EVERY = pytest.mark.parametrize("name", NAMES)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def latents(*shape, seed=0):
    return torch.randn(*shape, generator=rng(seed))


def make(name, **options):
    torch.manual_seed(0)
    quantizer = build_quantizer({"name": name, "codebook_size": 16, **options}, DIM)
    quantizer.start(latents(300, DIM), rng())
    return quantizer


@EVERY
def test_padding_changes_nothing_even_where_it_is_not_finite(name):
    mask = torch.tensor([[True, True, False], [True, False, False]])
    runs = []
    for fill in (0.5, float("nan")):
        quantizer, z = make(name), latents(2, DIM, 3)
        z = torch.where(mask[:, None], z, fill).requires_grad_()
        result = quantizer(z, mask)
        (sum(result.losses.values()) + result.z_q.square().sum()).backward()
        runs.append((result, z.grad, [weight.grad for weight in quantizer.parameters()]))
    (one, *gradients), (other, *others) = runs
    assert torch.equal(one.z_q, other.z_q)
    assert torch.equal(one.codes, other.codes)
    assert one.losses == other.losses
    assert one.stats == other.stats
    assert all(torch.equal(a, b) for a, b in zip(gradients[1], others[1], strict=True))
    assert torch.equal(gradients[0], others[0])
    assert torch.isfinite(gradients[0]).all()


@EVERY
def test_nothing_but_padding_costs_nothing_and_reaches_every_weight_with_zero(name):
    """Weights without a gradient on one process leave the others waiting."""
    quantizer, z = make(name), latents(2, DIM, 3).requires_grad_()
    result = quantizer(z, torch.zeros(2, 3, dtype=torch.bool))
    assert not result.z_q.any() and not result.codes.any()
    assert result.losses["auxiliary"] == 0
    result.losses["auxiliary"].backward()
    for weight in quantizer.parameters():
        assert weight.grad is not None and not weight.grad.any()
    assert quantizer(z[:0]).z_q.shape == (0, DIM, 3)


@EVERY
def test_codes_decode_to_the_quantized_latents_in_training_and_evaluation(name):
    quantizer, z = make(name), latents(2, DIM, 9)
    for training in (True, False):
        result = quantizer.train(training)(z)
        assert torch.equal(quantizer.encode(z), result.codes)
        torch.testing.assert_close(quantizer.decode(result.codes), result.z_q)
        assert 1 < len(result.codes.unique()) <= 16


@EVERY
def test_a_gradient_reaches_the_latents(name):
    quantizer, z = make(name), latents(2, DIM, 9).requires_grad_()
    quantizer(z).z_q.square().sum().backward()
    assert torch.isfinite(z.grad).all()
    assert z.grad.abs().sum() > 0


@EVERY
def test_a_cast_changes_no_state(name):
    quantizer = make(name)
    before = {key: value.clone() for key, value in quantizer.state_dict().items()}
    quantizer.to(torch.bfloat16)
    assert all(torch.equal(value, before[key]) for key, value in quantizer.state_dict().items())
    assert quantizer(latents(1, DIM, 4).bfloat16()).z_q.dtype == torch.float32


def test_signs_are_one_bit_each():
    quantizer = make("vqp-lfq", codebook_size=8)
    projected = quantizer.peer.project_in(latents(1, DIM, 50).transpose(1, 2))
    wanted = ((projected > 0) * torch.tensor([4, 2, 1])).sum(-1)
    assert torch.equal(quantizer.encode(latents(1, DIM, 50))[:, 0], wanted)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vqp-lfq", {"codebook_size": 12}, r"codebook_size = 12 cannot be used; a power of two"),
        ("vqp-bsq", {"codebook_size": 2**15}, r"at most 16384"),
        ("vqp-simvq", {"beta": -1}, r"beta = -1(\.0)? cannot be used; at least 0"),
        ("vqp-rotation", {"beta": 0}, r"beta = 0(\.0)? cannot be used; above 0"),
        ("vqp-random-projection", {"code_dim": 1}, r"code_dim = 1 cannot be used; at least 2"),
    ],
)
def test_options_that_cannot_work_are_refused(name, options, message):
    with pytest.raises(ConfigError, match=message):
        make(name, **options)


def test_registering_imports_neither_torch_nor_the_peer():
    code = (
        "import sys, vqspeech_vqp; vqspeech_vqp.register_quantizers()\n"
        "print([m for m in ('torch', 'vector_quantize_pytorch') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
