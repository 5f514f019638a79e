"""The contract of quantizers with one codebook: the paper's losses, masks, state and refusals."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny import randn, rng

from vqspeech.errors import ConfigError
from vqspeech.nn.quantize.ema import EMAVectorQuantizer
from vqspeech.nn.quantize.vq import VectorQuantizer

BOTH = pytest.mark.parametrize("kind", [VectorQuantizer, EMAVectorQuantizer])


def make(kind=EMAVectorQuantizer, size=8, **options):
    torch.manual_seed(0)
    quantizer = kind(4, codebook_size=size, **options)
    quantizer._set_codebook(randn(size, 4, seed=7))
    return quantizer


@BOTH
def test_autocast_changes_no_code(kind):
    quantizer, z = make(kind, 64).eval(), randn(2, 4, 200)
    plain = quantizer(z).codes
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(quantizer(z).codes, plain)
        assert torch.equal(quantizer.encode(z), plain)
        assert quantizer(z).z_q.dtype == torch.float32


@BOTH
@settings(max_examples=15, deadline=None)
@given(batch=st.integers(0, 3), time=st.integers(1, 9))
def test_shapes_and_agreement_of_forward_encode_and_decode(kind, batch, time):
    quantizer, z = make(kind), randn(batch, 4, time)
    result = quantizer(z)
    assert result.z_q.shape == z.shape
    assert result.codes.shape == (batch, 1, time)
    assert result.codes.dtype == torch.int64
    assert torch.equal(result.codes, quantizer.encode(z))
    assert torch.equal(result.z_q, quantizer.decode(result.codes))
    assert all(torch.isfinite(loss) for loss in result.losses.values())


@BOTH
def test_a_code_decodes_to_its_row_of_the_codebook(kind):
    quantizer = make(kind)
    decoded = quantizer.decode(torch.arange(8)[None, None])
    assert torch.equal(decoded[0].T, quantizer.codebook)
    assert torch.equal(quantizer.encode(decoded)[0, 0], torch.arange(8))


@BOTH
def test_the_gradient_passes_straight_through(kind):
    quantizer, z = make(kind), randn(2, 4, 5).requires_grad_()
    weight = randn(2, 4, 5, seed=3)
    (quantizer(z).z_q * weight).sum().backward()
    assert torch.equal(z.grad, weight)


@BOTH
def test_the_commitment_pulls_the_latents_and_not_the_codes(kind):
    quantizer, z = make(kind, beta=0.25), randn(2, 4, 5).requires_grad_()
    result = quantizer(z)
    result.losses["commitment"].backward()
    e = quantizer.decode(result.codes).detach()
    torch.testing.assert_close(result.losses["commitment"], 0.25 * (z - e).square().mean())
    torch.testing.assert_close(z.grad, 0.25 * 2 * (z - e).detach() / z.numel())
    assert all(parameter.grad is None for parameter in quantizer.parameters())


def test_the_codebook_loss_pulls_the_codes_and_not_the_latents():
    quantizer, z = make(VectorQuantizer, beta=0.25), randn(2, 4, 5).requires_grad_()
    result = quantizer(z)
    result.losses["codebook"].backward()
    e = quantizer.decode(result.codes).detach()
    torch.testing.assert_close(result.losses["codebook"], (z - e).square().mean())
    assert z.grad is None
    wanted = torch.zeros(8, 4)
    for row in range(2):
        for t in range(5):
            wanted[result.codes[row, 0, t]] += 2 * (e - z.detach())[row, :, t] / z.numel()
    torch.testing.assert_close(quantizer.embedding.grad, wanted)


def test_the_average_has_no_codebook_loss_and_no_parameters():
    quantizer = make(EMAVectorQuantizer)
    assert set(quantizer(randn(1, 4, 3)).losses) == {"commitment"}
    assert not list(quantizer.parameters())


@BOTH
@pytest.mark.parametrize("junk", [0.0, 1e6, float("nan"), float("inf")])
def test_what_lies_under_the_mask_changes_nothing(kind, junk):
    mask = torch.tensor([[True, True, False], [True, False, False]])
    runs = []
    for fill in (0.5, junk):
        quantizer, z = make(kind), randn(2, 4, 3)
        z = torch.where(mask[:, None], z, fill).requires_grad_()
        result = quantizer(z, mask)
        sum(result.losses.values(), result.z_q.square().sum()).backward()
        quantizer.update(rng())
        runs.append((result, z.grad, quantizer))
    (one, one_grad, first), (two, two_grad, second) = runs
    assert torch.equal(one.codes, two.codes)
    assert not one.codes[~mask[:, None]].any()
    assert torch.equal(one.z_q, two.z_q)
    assert torch.equal(one_grad, two_grad)
    assert not one_grad.transpose(1, 2)[~mask].any()
    assert one.losses.keys() == two.losses.keys()
    assert all(torch.equal(one.losses[name], two.losses[name]) for name in one.losses)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


@BOTH
def test_masked_losses_are_means_over_the_frames_that_count(kind):
    quantizer, z = make(kind), randn(2, 4, 6)
    mask = torch.zeros(2, 6, dtype=torch.bool)
    mask[0] = True
    masked, alone = quantizer(z, mask).losses, quantizer(z[:1]).losses
    for name, loss in alone.items():
        torch.testing.assert_close(masked[name], loss)


@BOTH
def test_nothing_but_masked_frames_is_finite_and_leaves_the_codebook(kind):
    quantizer = make(kind)
    before = quantizer.codebook.detach().clone()
    result = quantizer(randn(2, 4, 3), torch.zeros(2, 3, dtype=torch.bool))
    quantizer.update(rng())
    assert all(loss == 0 for loss in result.losses.values())
    assert not result.z_q.any()
    torch.testing.assert_close(quantizer.codebook, before)


@BOTH
def test_evaluation_and_encode_change_no_state(kind):
    quantizer = make(kind)
    before = copy.deepcopy(quantizer.state_dict())
    quantizer.encode(randn(2, 4, 30))
    quantizer.decode(torch.zeros(1, 1, 3, dtype=torch.int64))
    quantizer.eval()
    quantizer(randn(2, 4, 30))
    quantizer.train()
    quantizer.update(rng())
    for name, tensor in quantizer.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@BOTH
def test_safetensors_keep_every_bit(kind, tmp_path):
    quantizer = make(kind)
    quantizer(randn(2, 4, 30))
    quantizer.update(rng())
    save_file(quantizer.state_dict(), tmp_path / "q.safetensors")
    torch.manual_seed(99)
    other = kind(4, codebook_size=8)
    other.load_state_dict(load_file(tmp_path / "q.safetensors"), strict=True)
    assert torch.equal(other.codebook, quantizer.codebook)
    z = randn(2, 4, 30, seed=5)
    for one in (quantizer, other):
        one(z)
        one.update(rng(4))
    for name, tensor in quantizer.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


@BOTH
def test_the_start_places_the_codes_on_the_latents(kind):
    quantizer, frames = make(kind), 5 + randn(300, 4)
    quantizer.start(frames, rng())
    assert set(quantizer.encode(frames.T[None]).unique().tolist()) == set(range(8))
    unmoved = make(kind, data_start=False)
    before = unmoved.codebook.detach().clone()
    unmoved.start(frames, rng())
    assert torch.equal(unmoved.codebook, before)
    quantizer.start(frames[:0], rng())


@BOTH
@pytest.mark.parametrize("options", [{"codebook_size": 0}, {"codebook_size": -3}, {"beta": -1.0}])
def test_values_that_cannot_be_used_are_refused(kind, options):
    with pytest.raises(ConfigError, match=f"quantizer.{next(iter(options))}"):
        kind(4, **options)


@pytest.mark.parametrize("options", [{"decay": 1.0}, {"decay": -0.1}, {"revive_below": 1.0}, {"revive_every": 0}])
def test_averages_that_cannot_work_are_refused(options):
    with pytest.raises(ConfigError, match=f"quantizer.{next(iter(options))}"):
        EMAVectorQuantizer(4, **options)
