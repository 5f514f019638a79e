"""The blog's network is the blog's: its sizes, and TensorFlow's padding."""

import math

import pytest
import torch
from torch import nn
from vqspeech_image.building import build
from vqspeech_image.config import image_model
from vqspeech_image.nn.batch import ImageBatch
from vqspeech_image.nn.tfp import TFPDecoder, TFPEncoder, _doubling, _halving

from vqspeech.errors import ConfigError

TFP = {
    "network": "tfp",
    "grid": "single",
    "dim": 16,
    "likelihood": "bernoulli",
    "quantizer": {"name": "ema", "codebook_size": 64},
}


def test_it_has_the_parameters_of_the_blog():
    """Counted from the layers that the blog lists, filters and biases."""
    encoder = [(25, 1, 32), (25, 32, 32), (25, 32, 64), (25, 64, 64), (49, 64, 4), (1, 4, 16)]
    decoder = [(49, 16, 64), (25, 64, 64), (25, 64, 64), (25, 64, 32), (25, 32, 32), (25, 32, 32), (25, 32, 1)]
    for module, layers in ((TFPEncoder((28, 28, 1), 16), encoder), (TFPDecoder((28, 28, 1), 16), decoder)):
        assert sum(one.numel() for one in module.parameters()) == sum(taps * a * b + b for taps, a, b in layers)


def test_shapes_on_the_way_are_those_of_the_blog():
    sides = []
    for module, x in (
        (TFPEncoder((28, 28, 1), 16).layers, torch.zeros(1, 1, 28, 28)),
        (TFPDecoder((28, 28, 1), 16).layers, torch.zeros(1, 16, 1, 1)),
    ):
        for layer in module:
            x = layer(x)
            if isinstance(layer, nn.ELU):
                sides.append((x.shape[1], x.shape[2]))
    assert sides == [
        (32, 28),
        (32, 14),
        (64, 14),
        (64, 7),
        (4, 1),
        (64, 7),
        (64, 7),
        (64, 14),
        (32, 14),
        (32, 28),
        (32, 28),
    ]


def test_padding_is_tensorflow_s_same():
    """A filter of 5 with stride 2 over 28 positions pads 1 before and 2 behind; its transpose is the adjoint."""
    pad, down = _halving(1, 1)
    up, crop = _doubling(1, 1)
    with torch.no_grad():
        up.weight.copy_(down.weight)
        up.bias.zero_(), down.bias.zero_()
    x, y = torch.randn(1, 1, 28, 28), torch.randn(1, 1, 14, 14)
    wanted = sum(down.weight[0, 0, i, 2] * (x[0, 0, i - 1, 1] if i else 0) for i in range(5))
    row = nn.functional.conv2d(nn.functional.pad(x, (1, 2, 1, 2)), down.weight, stride=2)
    assert torch.equal(down(pad(x)), row) and torch.isfinite(wanted)
    assert torch.allclose((down(pad(x)) * y).sum(), (x * crop(up(y))).sum(), rtol=1e-3, atol=1e-3)


def test_one_code_of_black_and_white_pixels():
    torch.manual_seed(0)
    model = build(image_model(TFP), (28, 28, 1)).eval()
    pixels = torch.randint(256, (3, 28, 28, 1), dtype=torch.uint8)
    codes = model.encode(pixels)
    assert codes.shape == (3, 1, 1, 1) and model.decode(codes).shape == (3, 28, 28, 1)
    bound = model.bound(ImageBatch(pixels, torch.zeros(3, dtype=torch.int64)))
    logits = model.decoder(model.decoder_input(codes))
    wanted = torch.distributions.Bernoulli(logits=logits).log_prob((pixels >= 128).float()).flatten(1).sum(1)
    assert torch.allclose(bound.reconstruction, -wanted, rtol=1e-4)
    assert bound.latent[0].item() == pytest.approx(math.log(64))


@pytest.mark.parametrize(
    "values", [{"grid": "full"}, {"likelihood": "gaussian"}, {"kind": "vae"}, {"downsamplings": 3}]
)
def test_what_does_not_go_with_it(values):
    with pytest.raises(ConfigError, match=f"model.{next(iter(values))} = .*one latent of black and white"):
        image_model({**TFP, **values})
