from __future__ import annotations

import pytest
import torch

from vqspeech.nn.decoders.spectral_loss import plain_distance, spectral_distance

WINDOWS = [torch.hann_window(size, dtype=torch.float64) for size in (64, 100, 256)]


def rows(time=700, count=3):
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(2, count, time, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("lengths", [[700, 700, 700], [700, 333, 1], [64, 16, 0]])
def test_the_written_gradient_is_that_of_automatic_differentiation(lengths):
    made, wanted = rows()
    lengths = torch.tensor(lengths)
    outer = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)
    results = []
    for distance in (spectral_distance, plain_distance):
        leaf = made.clone().requires_grad_()
        found = distance(leaf, wanted, lengths, WINDOWS)
        (found * outer).sum().backward()
        results.append((found.detach(), leaf.grad))
    kept = lengths > 0
    torch.testing.assert_close(results[0][0][kept], results[1][0][kept], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(results[0][1][kept], results[1][1][kept], rtol=1e-7, atol=1e-12)


def test_equal_waveforms_have_no_distance_and_a_finite_gradient():
    made, _ = rows()
    leaf = made.clone().requires_grad_()
    distance = spectral_distance(leaf, made, torch.tensor([700, 50, 1]), WINDOWS)
    assert (distance < 1e-3).all()
    distance.sum().backward()
    assert torch.isfinite(leaf.grad).all()


def test_silence_against_silence_is_finite():
    leaf = torch.zeros(1, 500).requires_grad_()
    distance = spectral_distance(leaf, torch.zeros(1, 500), torch.tensor([500]), [torch.hann_window(64)])
    distance.sum().backward()
    assert torch.isfinite(distance).all() and torch.isfinite(leaf.grad).all()


def test_the_phase_does_not_count_and_the_level_does():
    made, _ = rows(count=1)
    lengths = torch.tensor([700])
    assert spectral_distance(-made, made, lengths, WINDOWS) < 1e-6
    twice = spectral_distance(2 * made, made, lengths, WINDOWS)
    # log 2 for all but the faintest magnitudes, and ||x|| / ||x||
    assert twice.item() == pytest.approx(1.693, abs=0.02)


def test_what_is_beyond_the_end_does_not_count():
    made, wanted = rows()
    lengths = torch.tensor([300, 300, 300])
    plain = spectral_distance(made, wanted, lengths, WINDOWS)
    made[:, 300:] = 7
    torch.testing.assert_close(spectral_distance(made, wanted, lengths, WINDOWS), plain)
