"""Residual quantization: what each level sees, and that every level's commitment reaches the latents."""

import pytest
import torch
from tiny import randn, rng

from vqspeech.errors import ConfigError
from vqspeech.nn.quantize.fsq import FiniteScalarQuantizer
from vqspeech.nn.quantize.grouped import GroupedQuantizer
from vqspeech.nn.quantize.residual import ResidualQuantizer, residual_vq
from vqspeech.nn.quantize.vq import VectorQuantizer
from vqspeech.nn.share import Share


def make(levels=3, size=8, **options):
    torch.manual_seed(0)
    quantizer = residual_vq(4, codebooks=levels, codebook_size=size, **options)
    quantizer.start(randn(400, 4), rng())
    return quantizer


def test_each_level_takes_the_nearest_code_of_what_is_left():
    quantizer, z = make(), randn(2, 4, 9, seed=1)
    codes = quantizer(z).codes
    left = z.transpose(1, 2).double()
    for number, level in enumerate(quantizer.levels):
        book = level.codebook.double()
        nearest = torch.cdist(left, book[None]).argmin(-1)
        assert torch.equal(codes[:, number], nearest)
        left = left - book[nearest]
    torch.testing.assert_close(quantizer.decode(codes), (z.double() - left.transpose(1, 2)).float())


def test_sizes_are_those_of_the_levels():
    quantizer = ResidualQuantizer(
        [VectorQuantizer(4, codebook_size=3), make(2, 5), FiniteScalarQuantizer(4, levels=[3, 4])]
    )
    assert quantizer.codebook_sizes == (3, 5, 5, 12)
    z = randn(2, 4, 6)
    codes = quantizer(z).codes
    assert codes.shape == (2, 4, 6)
    torch.testing.assert_close(quantizer.decode(codes), quantizer(z).z_q.detach())


def test_the_start_lowers_what_is_left_level_by_level():
    quantizer, z = make(4, 16), randn(1, 4, 300, seed=2)
    codes = quantizer.encode(z)
    left = [(z - quantizer.decode(codes[:, :levels])).square().mean().item() for levels in (1, 2, 3, 4)]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.2 * left[0]


def test_the_commitment_of_every_level_reaches_the_latents():
    """encodec issue 25: with a straight-through residual it is zero from the second level on."""
    quantizer = make(3, beta=0.3)
    for number in range(3):
        z = randn(2, 4, 5, seed=3).requires_grad_()
        left, losses = z, []
        for level in quantizer.levels:
            part = level(left)
            losses.append(part.losses["commitment"])
            left = left - part.z_q.detach()
        (alone,) = torch.autograd.grad(losses[number], z)
        assert alone.abs().sum() > 0
    z = randn(2, 4, 5, seed=3).requires_grad_()
    quantized = quantizer(z)
    (whole,) = torch.autograd.grad(quantized.losses["commitment"], z)
    codes = quantized.codes
    wanted = torch.zeros_like(z)
    for levels in (1, 2, 3):
        wanted += 0.3 * 2 * (z.detach() - quantizer.decode(codes[:, :levels])) / z.numel() / 3
    torch.testing.assert_close(whole, wanted)


def test_the_gradient_passes_straight_through_once():
    quantizer, z = make(), randn(2, 4, 5).requires_grad_()
    weight = randn(2, 4, 5, seed=3)
    (quantizer(z).z_q * weight).sum().backward()
    assert torch.equal(z.grad, weight)


def test_every_level_is_updated():
    quantizer = make()
    before = [level.codebook.clone() for level in quantizer.levels]
    quantizer(randn(2, 4, 50, seed=5))
    quantizer.update(rng())
    for level, old in zip(quantizer.levels, before, strict=True):
        assert not torch.equal(level.codebook, old)


def test_no_codebook_is_refused():
    with pytest.raises(ConfigError, match=r"quantizer\.codebooks = 0"):
        residual_vq(4, codebooks=0)


class Noisy(VectorQuantizer):
    stochastic = True

    def forward(self, z, mask=None, *, generator=None, share=None):
        self.given = generator, share
        return super().forward(z, mask)


@pytest.mark.parametrize("kind", ["residual", "grouped"])
def test_a_stochastic_part_is_given_the_generator_and_the_share(kind):
    parts = [VectorQuantizer(4, codebook_size=8), Noisy(4, codebook_size=8)]
    quantizer = ResidualQuantizer(parts) if kind == "residual" else GroupedQuantizer(parts)
    assert quantizer.stochastic
    assert not ResidualQuantizer(parts[:1]).stochastic
    generator, share = rng(), Share(0, 2, 6)
    quantizer.quantize(randn(3, quantizer.dim, 5), None, generator, share)
    assert parts[1].given == (generator, share)


def test_dropout_leaves_some_rows_to_the_first_levels_alone():
    quantizer = ResidualQuantizer([VectorQuantizer(4, codebook_size=8) for _ in range(3)], dropout=0.5)
    z = randn(200, 4, 5)
    found = quantizer(z, generator=rng()).z_q.detach()
    codes = quantizer.encode(z)
    kept = [quantizer.decode(codes[:, :levels]) for levels in (1, 2, 3)]
    counts = [sum(torch.allclose(row, whole[n], atol=1e-5) for n, row in enumerate(found)) for whole in kept]
    assert sum(counts) == 200
    # Half of the rows, one or two levels alike.
    assert 80 < counts[2] < 120 and min(counts[:2]) > 30
    share = Share(rank=1, ranks=2, rows=200, frames=1000)
    assert torch.equal(quantizer(z[1::2], generator=rng(), share=share).z_q.detach(), found[1::2])
    torch.testing.assert_close(quantizer.eval()(z, generator=rng()).z_q.detach(), kept[2])
    # A decoder that trains on these codes, frozen, gets the same latents.
    torch.testing.assert_close(quantizer.decode_in_training(codes, rng()), found)


@pytest.mark.parametrize("options", [{"dropout": 1.5}, {"dropout": 0.5, "codebooks": 1}])
def test_an_impossible_dropout_is_refused(options):
    with pytest.raises(ConfigError, match="dropout"):
        residual_vq(4, **options)
