"""Changes of bands, jitter of codes, noise on the decoder's past: how much, where, and the same in shares."""

import torch
from tiny import rng

from vqspeech.nn.perturb import jitter, noisy, perturbed_bands
from vqspeech.nn.share import Share


def test_jitter_takes_neighbours_at_the_given_rate():
    frames = 20_000
    z = torch.arange(frames).float().expand(1, 1, frames)
    shift = (jitter(z, 0.12, rng()) - z)[0, 0, 1:-1]
    assert set(shift.tolist()) == {-1.0, 0.0, 1.0}
    for direction in (-1, 1):
        assert abs((shift == direction).float().mean() - 0.12) < 0.01


def test_jitter_moves_whole_frames_and_never_over_the_end_of_the_speech():
    z = torch.randn(4, 3, 9, generator=rng())
    mask = torch.arange(9) < torch.tensor([9, 5, 1, 2])[:, None]
    for seed in range(20):
        moved = jitter(z, 0.45, rng(seed), mask)
        for row, length in enumerate((9, 5, 1, 2)):
            for t in range(length):
                near = [s for s in (t - 1, t, t + 1) if 0 <= s < length]
                assert any(torch.equal(moved[row, :, t], z[row, :, s]) for s in near)


def test_noise_has_the_deviation_asked_for_and_stays_among_the_levels():
    levels = torch.full((400, 500), 128)
    spread = (noisy(levels, 6.0, rng()) - 128.0).std(1)
    assert 2.8 < spread.mean() < 3.2
    assert spread.min() < 0.5
    assert 5.5 < spread.max() < 6.5
    assert noisy(torch.zeros(1, 1000, dtype=torch.long), 50.0, rng()).min() == 0
    whole = noisy(levels[:6], 6.0, rng(1))
    share = Share(rank=1, ranks=3, rows=6, samples=1, frames=1)
    assert torch.equal(noisy(levels[:2], 6.0, rng(1), share), whole[1::3])


def bands_of(rows=6):
    return torch.linspace(-8, 0, 40)[None, :, None] + torch.randn(rows, 1, 7, generator=rng())


def test_bands_are_warped_tilted_and_noisy_as_asked():
    bands = bands_of()
    none = perturbed_bands(bands, warp=0.0, tilt=0.0, noise=None, generator=rng())
    torch.testing.assert_close(none, bands)
    warped = perturbed_bands(bands, warp=0.2, tilt=0.0, noise=None, generator=rng())
    # The bands rise by 8 / 39 each, so a band read elsewhere tells where.
    read = (warped - bands)[:, 20, 0] * 39 / 8 + 20
    assert 20 * 0.8 < read.min() < 19 and 21 < read.max() < 20 * 1.25
    tilted = perturbed_bands(bands.expand(6, 40, 7), warp=0.0, tilt=1.0, noise=None, generator=rng()) - bands
    assert torch.allclose(tilted, tilted[:, :, :1].expand_as(tilted), atol=1e-5)
    assert tilted[:, 0, 0].std() > 0.5
    noisy_bands = perturbed_bands(bands - 100, warp=0.0, tilt=0.0, noise=-8.0, generator=rng())
    assert noisy_bands.mean((1, 2)).min() > -14 and noisy_bands.mean((1, 2)).max() < -7


def test_a_share_changes_its_bands_as_the_whole_batch_does():
    bands = bands_of()
    options = {"warp": 0.1, "tilt": 1.0, "noise": -6.0}
    whole = perturbed_bands(bands, **options, generator=rng(3))
    share = Share(rank=1, ranks=3, rows=6)
    assert torch.equal(perturbed_bands(bands[1::3], **options, generator=rng(3), share=share), whole[1::3])
