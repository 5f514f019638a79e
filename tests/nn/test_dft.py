"""Fourier transforms as convolutions are those of torch.fft."""

from __future__ import annotations

import pytest
import torch
from tiny import randn

from vqspeech.nn.decoders.excitation import OVERLAP, plain_shaped
from vqspeech.nn.dft import filtered, power_spectra


@pytest.mark.parametrize(("size", "n_fft", "hop"), [(400, 512, 160), (25, 32, 50), (16, 16, 4)])
def test_power_spectra_are_those_of_rfft(size, n_fft, hop):
    waveform, window = randn(2, 2000), torch.hann_window(size)
    wanted = torch.fft.rfft(waveform.unfold(-1, size, hop) * window, n=n_fft).abs().square()
    torch.testing.assert_close(power_spectra(waveform, window, hop, n_fft), wanted, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("hop", [8, 5])
def test_filtered_frames_are_those_of_the_decoder(hop):
    window = torch.hann_window(OVERLAP * hop)
    source, gains = randn(2, (OVERLAP + 6) * hop), randn(2, 7, OVERLAP * hop // 2 + 1, seed=1)
    margin = (OVERLAP - 1) * hop
    made = filtered(source, gains, window, hop)[:, margin:-margin] / (0.375 * OVERLAP)
    torch.testing.assert_close(made, plain_shaped([source], [gains], window), rtol=1e-4, atol=1e-5)
