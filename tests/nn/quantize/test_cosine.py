"""Factorised codes: looked up by direction alone, in a few dimensions."""

import pytest
import torch
from tiny import randn, rng
from torch.nn import functional as F

from vqspeech.errors import ConfigError
from vqspeech.nn.quantize.cosine import CosineQuantizer, SphereQuantizer


def make(**options):
    torch.manual_seed(0)
    quantizer = CosineQuantizer(6, code_dim=3, codebook_size=16, **options)
    quantizer.start(randn(300, 6), rng())
    return quantizer


def test_the_code_is_the_one_of_greatest_cosine():
    quantizer, z = make(), randn(2, 6, 9, seed=1)
    low = F.linear(z.transpose(1, 2), quantizer.down.weight, quantizer.down.bias)
    cosine = F.cosine_similarity(low[:, :, None], quantizer.sphere.embedding, dim=-1)
    assert torch.equal(quantizer.encode(z)[:, 0], cosine.argmax(-1))


def test_codes_have_length_one_whatever_is_learned():
    sphere = SphereQuantizer(3, codebook_size=5)
    with torch.no_grad():
        sphere.embedding *= 1e4
    torch.testing.assert_close(sphere.codebook.norm(dim=1), torch.ones(5))


def test_the_length_of_the_projected_latents_does_not_matter():
    quantizer, z = make(), randn(2, 6, 9, seed=1)
    with torch.no_grad():
        quantizer.down.bias.zero_()
    one, other = quantizer(z), quantizer(1000 * z)
    assert torch.equal(one.codes, other.codes)
    torch.testing.assert_close(one.losses, other.losses, atol=1e-5, rtol=1e-4)


def test_every_weight_learns_and_the_losses_are_means_over_valid_frames():
    quantizer, z = make(beta=0.25), randn(2, 6, 9, seed=1)
    mask = torch.zeros(2, 9, dtype=torch.bool)
    mask[0, :5] = True
    result = quantizer(z, mask)
    alone = quantizer(z[:1, :, :5])
    torch.testing.assert_close(result.losses, alone.losses)
    (result.z_q.square().sum() + sum(result.losses.values())).backward()
    for name, weight in quantizer.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name


def test_one_dimension_has_no_directions():
    with pytest.raises(ConfigError, match=r"quantizer.code_dim = 1 cannot be used; at least 2"):
        CosineQuantizer(6, code_dim=1)
