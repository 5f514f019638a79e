"""Every encoder, decoder and prior that ships with vqspeech keeps its contract; plugins have tests of their own."""

from __future__ import annotations

import pytest

from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.registry.host import Host
from vqspeech.testing import decoder_checks, encoder_checks, prior_checks

CONV = {"strides": [[4, 2]] * 4, "channels": 32, "dim": 8, "residual_dilations": [1, 3]}
MFCC = {"front_end": {"kind": "mfcc", "deltas": True, "mean_window_samples": 4000}, "strides": [[3, 1], [4, 2]]}
WAVENET = {"cycles": 1, "layers_per_cycle": 4, "residual_channels": 8, "skip_channels": 16, "condition_channels": 8}
PIXELCNN = {"layers": 3, "width": 16, "first_kernel": 5, "head_width": 16}

ABOVE = CodeSpace(codebook_sizes=(5,), grid=(2, 3), conditions=2)
SPACES = {
    "sequences": CodeSpace(codebook_sizes=(6, 4), conditions=3),
    "grid": CodeSpace(codebook_sizes=(6,), grid=(4, 6)),
    "below": CodeSpace(codebook_sizes=(6,), grid=(4, 6), conditions=2, above=ABOVE),
}


@encoder_checks("conv", options=CONV)
def test_conv_over_the_waveform(check):
    check()


@encoder_checks("conv", options={**CONV, **MFCC})
def test_conv_over_spectral_features(check):
    check()


@decoder_checks("wavenet", options={**WAVENET, "past_noise": 4})
def test_wavenet(check):
    check()


@decoder_checks("wavenet", hop_samples=40, options={**WAVENET, "condition_upsampling": 4})
def test_wavenet_with_several_conditions_per_code(check):
    check()


@prior_checks("pixelcnn", space=SPACES["sequences"], options=PIXELCNN)
def test_pixelcnn_over_sequences(check):
    check()


@prior_checks("pixelcnn", space=SPACES["grid"], options={**PIXELCNN, "attention": {"blocks": 1, "heads": 2}})
def test_pixelcnn_over_a_grid(check):
    check()


@prior_checks("pixelcnn", space=SPACES["below"], options=PIXELCNN)
def test_pixelcnn_below_another_level(check):
    check()


@pytest.mark.parametrize(
    ("kind", "checked"),
    [("encoder", {"conv"}), ("decoder", {"wavenet"}), ("prior", {"pixelcnn"})],
)
def test_nothing_that_ships_is_left_out(kind, checked):
    """Of encoders, `tests/nn/encoders/test_ssl.py` checks those that need weights, on a small network."""
    shipped = {entry.spec.name for entry in Host({"VQSPEECH_PLUGINS": ""}).builtin_entries(kind)}
    assert shipped - {"hubert", "wav2vec2"} == checked
