"""What the models' losses and bounds say, against slow versions of the formulas."""

import itertools
import math

import pytest
import torch
from vqspeech_image.building import build
from vqspeech_image.config import image_model
from vqspeech_image.nn.batch import ImageBatch
from vqspeech_image.nn.vimco import drawn_categories, multi_sample_bound, vimco_surrogate

from vqspeech.errors import ConfigError
from vqspeech.nn.share import Share

SHAPE = (8, 12, 3)
BOOKS = {"name": "grouped", "groups": 2, "codebook_size": 8}


def batch(count=5):
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(256, (count, *SHAPE), generator=generator, dtype=torch.uint8)
    return ImageBatch(pixels, torch.arange(count))


def model(**values):
    torch.manual_seed(0)
    small = {"width": 8, "dim": 8, "residual_blocks": 1, "likelihood": "logistic", "mixtures": 1, "quantizer": BOOKS}
    return build(image_model({**small, **values}), SHAPE)


def test_codes_lie_on_the_grid_and_decode_to_pixels():
    vqvae = model().eval()
    codes = vqvae.encode(batch().pixels)
    assert codes.shape == (5, 2, 2, 3) and codes.dtype == torch.int64
    assert vqvae.decode(codes).shape == (5, *SHAPE) and vqvae.decode(codes).dtype == torch.uint8
    single = model(grid="single").eval()
    assert single.encode(batch().pixels).shape == (5, 2, 1, 1)
    assert single.reconstruct(batch().pixels).shape == (5, *SHAPE)


def test_a_position_of_the_grid_is_the_place_in_the_image():
    """Codes far from a changed pixel stay (no flattening mixes rows and columns up)."""
    torch.manual_seed(0)
    vqvae = build(image_model({"width": 8, "dim": 8, "residual_blocks": 0, "quantizer": BOOKS}), (32, 16, 3)).eval()
    pixels = torch.randint(256, (1, 32, 16, 3), dtype=torch.uint8)
    other = pixels.clone()
    other[0, 25:, 10:] = 255 - other[0, 25:, 10:]
    before, after = (vqvae.encoder(image) for image in (pixels, other))
    moved = (before != after).any(1)[0]
    assert moved[6:, 2:].all() and not moved[:5].any() and not moved[:, :1].any()


def test_bound_is_reconstruction_and_uniform_codes():
    vqvae = model().eval()
    bound, terms = vqvae.bound(batch()), vqvae.loss(batch()).terms
    assert torch.allclose(bound.total, bound.reconstruction + bound.latent)
    assert bound.latent[0].item() == pytest.approx(2 * 3 * 2 * math.log(8), rel=1e-6)
    dimensions = math.prod(SHAPE)
    assert terms["nll"].item() == pytest.approx(bound.reconstruction.mean().item() / dimensions, rel=1e-5)
    assert terms["bound_nll"].item() == pytest.approx(bound.total.mean().item() / dimensions, rel=1e-5)


@pytest.mark.parametrize("kind", ["vqvae", "vae"])
def test_a_share_of_the_pixels_estimates_all_of_them(kind):
    """Averaged over many draws of the positions, the loss on a quarter of them is that on all."""
    with torch.no_grad():
        whole, part = model(kind=kind).train(), model(kind=kind, pixel_share=0.25).train()
        name = "nll" if kind == "vqvae" else "reconstruction_nll"
        for one in (whole, part):
            for module in one.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.eval()
        wanted = [whole.loss(batch(), torch.Generator().manual_seed(seed)).terms[name] for seed in range(300)]
        found = [part.loss(batch(), torch.Generator().manual_seed(seed)).terms[name] for seed in range(300)]
    wanted, found = torch.stack(wanted), torch.stack(found)
    assert abs(found.mean() - wanted.mean()) < 4 * found.std() / 300**0.5 + 1e-4
    assert found.std() > 0


def test_divergence_is_that_of_torch():
    vae = model(kind="vae").eval()
    mean, log_variance = vae._posterior(batch().pixels)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    wanted = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0, 1)).flatten(1).sum(1)
    assert torch.allclose(vae.bound(batch()).latent, wanted, rtol=1e-4)


@pytest.mark.parametrize("kind", ["vae", "vimco"])
def test_noise_of_a_part_is_that_of_its_rows(kind):
    """Two processes draw for their rows what one would draw for the whole batch."""
    values = {"kind": kind, "vimco": {"samples": 3, "categories": 4}, "normalisation": "none"}
    one, whole = model(**values).train(), batch(6)
    with torch.no_grad():
        total = one.loss(whole, torch.Generator().manual_seed(5)).total
        parts = [
            one.loss(
                ImageBatch(whole.pixels[rank::2], whole.labels[rank::2], Share(rank, 2, 6)),
                torch.Generator().manual_seed(5),
            ).total
            for rank in (0, 1)
        ]
    assert sum(parts).item() == pytest.approx(total.item(), rel=1e-4)


def test_vimco_estimates_the_gradient_of_its_bound():
    """Over all pairs of samples, by probability, the estimate is the exact gradient of the expected bound."""
    torch.manual_seed(0)
    logits = torch.randn(3, dtype=torch.float64, requires_grad=True)
    log_joint = torch.randn(3, dtype=torch.float64, requires_grad=True)

    def weights(pair):
        log_q = logits.log_softmax(0)[list(pair)][:, None]
        return log_joint[list(pair)][:, None] - log_q, log_q

    pairs = list(itertools.product(range(3), repeat=2))
    probabilities = [logits.log_softmax(0)[list(pair)].sum().exp() for pair in pairs]
    exact = -sum(p * multi_sample_bound(weights(pair)[0])[0] for p, pair in zip(probabilities, pairs, strict=True))
    estimate = sum(
        p.detach() * vimco_surrogate(*weights(pair))[0] for p, pair in zip(probabilities, pairs, strict=True)
    )
    wanted = torch.autograd.grad(exact, (logits, log_joint))
    found = torch.autograd.grad(estimate, (logits, log_joint))
    for one, other in zip(wanted, found, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)


def test_categories_are_drawn_as_often_as_they_are_likely():
    p = torch.tensor([0.5, 0.3, 0.0, 0.2])
    log_q = p.log().view(1, 1, 4, 1, 1).expand(50, 2, 4, 4, 5)
    drawn = drawn_categories(log_q, 7, None, torch.Generator().manual_seed(0))
    assert drawn.shape == (7, 50, 2, 4, 5)
    share = torch.bincount(drawn.flatten(), minlength=4) / drawn.numel()
    assert torch.allclose(share, p, atol=0.01) and share[2] == 0


@pytest.mark.parametrize("side", [30, 31])
def test_sides_that_the_stride_does_not_divide(side):
    with pytest.raises(ConfigError, match="multiples of 4"):
        build(image_model({"quantizer": BOOKS, "dim": 8}), (32, side, 3))


@pytest.mark.parametrize(
    "values, says",
    [
        ({"pixel_share": 0}, "pixel_share"),
        ({"width": 0}, "width"),
        ({"likelihood": "l2"}, "likelihood"),
        ({"vimco": {"samples": 1}}, "samples"),
    ],
)
def test_values_that_cannot_be(values, says):
    with pytest.raises(ConfigError, match=says):
        image_model(values)
