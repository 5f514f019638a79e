"""When the layers in Triton are used: where they fit, work and agree with the plain layers; else one warning."""

import copy
import pickle
import warnings

import pytest
import torch

from vqspeech.nn.decoders import compiled, wavenet_triton
from vqspeech.nn.decoders.wavenet import COMPILED, PLAIN, TRITON, WaveNet


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch):
    monkeypatch.setattr(compiled, "BACKEND", "eager")
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return WaveNet(dim=3, hop_samples=8, dilations=(1, 2), residual_channels=16, skip_channels=8, condition_channels=4)


def likelihood(decoder):
    generator = torch.Generator().manual_seed(1)
    levels = torch.randint(256, (2, 24), generator=generator)
    return decoder.negative_log_likelihood(levels, decoder.conditions(torch.randn(2, 3, 3, generator=generator), None))


def layers(decoder, x, conditions):
    return decoder.stack(x, conditions)


def test_they_are_for_widths_whose_weights_fit_into_a_block():
    fits = wavenet_triton.TritonLikelihood.fits
    pytest.importorskip("triton")
    assert [fits(width, torch.bfloat16) for width in (8, 16, 64, 128, 256, 48)] == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]
    assert [fits(width, torch.float32) for width in (64, 128)] == [True, False]
    assert not fits(64, torch.float64)


def test_layers_that_agree_are_used(decoder, monkeypatch):
    monkeypatch.setattr(wavenet_triton, "_stack", layers)
    monkeypatch.setattr(WaveNet, "_choose", lambda self, past: TRITON)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        nll = likelihood(decoder)
    nll.mean().backward()
    assert pickle.loads(pickle.dumps(decoder)).computation == copy.deepcopy(decoder).computation == TRITON
    monkeypatch.setattr(WaveNet, "_choose", lambda self, past: PLAIN)
    torch.testing.assert_close(nll, likelihood(decoder))


@pytest.mark.parametrize("way", ["wrong values", "wrong gradients", "broken"])
def test_layers_that_fail_or_differ_give_way_to_compiled_ones_with_one_warning(decoder, monkeypatch, way):
    def stack(decoder, x, conditions):
        if way == "broken":
            raise RuntimeError("no kernel image is available")
        z = decoder.stack(x, conditions)
        return 1.5 * z if way == "wrong values" else 2 * z - z.detach()

    monkeypatch.setattr(wavenet_triton, "_stack", stack)
    monkeypatch.setattr(WaveNet, "_choose", lambda self, past: TRITON)
    with pytest.warns(UserWarning) as caught:
        first, second = likelihood(decoder), likelihood(decoder)
    said = [str(one.message) for one in caught if "Triton" in str(one.message)]
    assert len(said) == 1
    assert ("no kernel image" if way == "broken" else "differ from the plain layers") in said[0]
    assert decoder.computation == COMPILED
    monkeypatch.setattr(WaveNet, "_choose", lambda self, past: PLAIN)
    torch.testing.assert_close(first, likelihood(decoder))
    assert torch.equal(first, second)
