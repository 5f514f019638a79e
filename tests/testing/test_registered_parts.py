"""Encoders and decoders that ship with vqspeech keep their contracts; plugins have tests of their own."""

from __future__ import annotations

import pytest

from vqspeech.registry.host import Host
from vqspeech.testing import decoder_checks, encoder_checks

CONV = {"strides": [[4, 2]] * 4, "channels": 32, "dim": 8, "residual_dilations": [1, 3]}
MFCC = {"front_end": {"kind": "mfcc", "deltas": True, "mean_window_samples": 4000}, "strides": [[3, 1], [4, 2]]}
WAVENET = {"cycles": 1, "layers_per_cycle": 4, "residual_channels": 8, "skip_channels": 16, "condition_channels": 8}
HARMONIC = {"channels": 24, "frame_channels": 16, "dilations": [1, 2], "pitch_channels": 16, "pitch_dilations": [1]}
ADVERSARIES = {"loss_windows": [16], "adversary_weight": 0.5, "adversary_channels": 4}


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


@decoder_checks("harmonic", options=HARMONIC)
def test_harmonic(check):
    check()


@decoder_checks("harmonic", hop_samples=320, options=HARMONIC)
def test_harmonic_with_several_frames_per_code(check):
    check()


@decoder_checks(
    "harmonic", options={**HARMONIC, "loss_windows": [16], "adversary_weight": 0.5, "adversary_channels": 4}
)
def test_harmonic_with_adversaries(check):
    check()


@pytest.mark.parametrize(
    ("kind", "checked"),
    [("encoder", {"conv"}), ("decoder", {"wavenet", "harmonic"}), ("prior", {"pixelcnn", "transformer", "wavenet"})],
)
def test_nothing_that_ships_is_left_out(kind, checked):
    """`tests/nn/encoders/test_ssl.py` checks encoders that need weights, `tests/nn/priors` the priors."""
    shipped = {entry.spec.name for entry in Host({"VQSPEECH_PLUGINS": ""}).builtin_entries(kind)}
    assert shipped - {"hubert", "wavlm", "wav2vec2"} == checked
