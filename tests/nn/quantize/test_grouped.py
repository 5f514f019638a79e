"""Grouped quantization: each group of channels is quantized as if it were alone."""

import pytest
import torch
from tiny import randn, rng

from vqspeech.errors import ConfigError
from vqspeech.nn.quantize.grouped import GroupedQuantizer, grouped_vq
from vqspeech.nn.quantize.vq import VectorQuantizer


def make(**options):
    torch.manual_seed(0)
    quantizer = grouped_vq(6, groups=3, codebook_size=8, **options)
    quantizer.start(randn(300, 6), rng())
    return quantizer


def test_each_group_is_quantized_as_if_it_were_alone():
    quantizer, z = make(), randn(2, 6, 9, seed=1)
    mask = torch.rand(2, 9, generator=rng()) > 0.3
    result = quantizer(z, mask)
    assert quantizer.codebook_sizes == (8, 8, 8)
    for number, group in enumerate(quantizer.groups):
        alone = group(z[:, 2 * number : 2 * number + 2], mask)
        assert torch.equal(result.codes[:, number], alone.codes[:, 0])
        assert torch.equal(result.z_q[:, 2 * number : 2 * number + 2], alone.z_q)
    torch.testing.assert_close(quantizer.decode(result.codes) * mask[:, None], result.z_q)


def test_the_losses_are_those_over_all_channels():
    quantizer, z = make(beta=0.25), randn(2, 6, 9, seed=1)
    result = quantizer(z)
    torch.testing.assert_close(result.losses["commitment"], 0.25 * (z - result.z_q).square().mean())
    torch.testing.assert_close(result.stats["distortion"], (z - result.z_q).square().mean())


def test_groups_may_differ_in_width_and_kind():
    quantizer = GroupedQuantizer([VectorQuantizer(1, codebook_size=3), make()])
    z = randn(2, 7, 5)
    assert quantizer.dim == 7
    assert quantizer.encode(z).shape == (2, 4, 5)
    assert quantizer.decode(quantizer.encode(z)).shape == z.shape


@pytest.mark.parametrize("groups", [0, 4, -1])
def test_channels_that_cannot_be_shared_equally_are_refused(groups):
    with pytest.raises(ConfigError, match=f"quantizer.groups = {groups} cannot be used; a divisor of the 6 channels"):
        grouped_vq(6, groups=groups)
