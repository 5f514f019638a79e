"""Measures of generated frames, on frames whose figures are known."""

import numpy as np
import pytest
from vqspeech_video.evaluation.actions import ActionReader, balanced_accuracy
from vqspeech_video.evaluation.codes import agreement, diversity
from vqspeech_video.evaluation.fidelity import MOST_PSNR, delta_psnr_db, psnr_db, ssim
from vqspeech_video.evaluation.paired import excludes_zero, mean_over_clips
from vqspeech_video.evaluation.shift import horizontal_shift, turning

from vqspeech.errors import InputError


def texture(height, width, seed=0):
    """A smooth random picture (height, width, 3) uint8."""
    draw = np.random.default_rng(seed)
    coarse = draw.uniform(0, 255, (height // 4 + 1, width // 4 + 1, 3))
    return coarse.repeat(4, 0).repeat(4, 1)[:height, :width].astype(np.uint8)


def moving(steps, size=24, seed=0):
    """A clip that looks at a wide picture, shifted by the given pixels to the right from frame to frame."""
    wide = texture(size, 8 * size, seed)
    places = 4 * size - np.cumsum([0, *steps])
    return np.stack([wide[:, place : place + size] for place in places])


def test_psnr_is_that_of_the_definition_frame_by_frame():
    black = np.zeros((2, 3, 8, 8, 3), np.uint8)
    other = black.copy()
    other[1, 2] = 51
    found = psnr_db(black, other)
    assert found.shape == (2, 3) and found[1, 2] == pytest.approx(20 * np.log10(5))
    assert (np.delete(found.ravel(), 5) == MOST_PSNR).all()


def test_ssim_is_that_of_the_formula_written_out():
    draw = np.random.default_rng(1)
    x, y = (draw.integers(0, 256, (11, 11, 1), dtype=np.uint8) for _ in range(2))
    place = np.arange(-5, 6)
    window = np.exp(-(place[:, None] ** 2 + place**2) / (2 * 1.5**2))
    window = (window / window.sum())[..., None]
    a, b = x.astype(float), y.astype(float)
    mean_a, mean_b = (window * a).sum(), (window * b).sum()
    var_a, var_b = (window * a * a).sum() - mean_a**2, (window * b * b).sum() - mean_b**2
    cov, c1, c2 = (window * a * b).sum() - mean_a * mean_b, 2.55**2, 7.65**2
    expected = (2 * mean_a * mean_b + c1) * (2 * cov + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    assert ssim(x, y) == pytest.approx(expected, abs=1e-4)
    assert ssim(x, x) == pytest.approx(1)


def test_ssim_takes_small_frames_and_stacks():
    frames = np.stack([texture(8, 8, seed) for seed in range(4)]).reshape(2, 2, 8, 8, 3)
    assert ssim(frames, frames) == pytest.approx(np.ones((2, 2)))
    assert (ssim(frames, frames[::-1]) < 0.9).all()


def test_delta_psnr_is_what_true_actions_add():
    real = np.full((1, 8, 8, 3), 100, np.uint8)
    assert delta_psnr_db(real, real + 1, real + 10) == pytest.approx([20.0])


def test_frames_of_other_shapes_are_refused():
    with pytest.raises(InputError, match=r"\(2, 8, 8, 3\).*\(2, 8, 9, 3\)"):
        psnr_db(np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 9, 3), np.uint8))


def test_shifts_are_found_with_their_sign():
    steps = [[3, -5, 0], [7, 7, -1]]
    clips = np.stack([moving(row, seed=number) for number, row in enumerate(steps)])
    assert horizontal_shift(clips).tolist() == steps


def test_a_still_clip_without_texture_does_not_move():
    assert horizontal_shift(np.full((1, 3, 12, 12, 1), 7, np.uint8)).tolist() == [[0, 0]]


def test_one_frame_has_no_movement():
    with pytest.raises(InputError, match="at least 2 frames"):
        horizontal_shift(np.zeros((1, 1, 8, 8, 3), np.uint8))


def test_turning_counts_clips_with_the_right_sign():
    shifts = np.array([[4, 6, 6], [6, 6, 8], [-1, -1, 0], [1, 6, 6]])
    found = turning(shifts, 1, real_px=12.0, least_px=6.0)
    assert (found.right_sign, found.median_px, found.of_real, found.clips) == (0.75, 6.0, 0.5, 4)
    still = turning(shifts, 0, real_px=0.0, least_px=6.0)
    assert still.right_sign == 0.25 and still.of_real is None


def test_actions_are_read_from_frames_and_not_from_permuted_ones():
    draw = np.random.default_rng(0)
    taken = draw.integers(0, 3, 90)
    clips = np.stack([moving([(0, 4, -4)[action]], seed=seed) for seed, action in enumerate(taken)])
    before, after = clips[:, 0], clips[:, 1]
    reader = ActionReader(3).fit(before[:60], after[:60], taken[:60])
    assert balanced_accuracy(reader.read(before[60:], after[60:]), taken[60:]) > 0.9
    assert balanced_accuracy(reader.read(before[60:], after[60:]), np.roll(taken[60:], 1)) < 0.7


def test_reading_needs_two_actions():
    frames = np.zeros((4, 8, 8, 3), np.uint8)
    with pytest.raises(InputError, match="at least 2 actions"):
        ActionReader(3).fit(frames, frames, np.zeros(4, np.int64))


def test_agreement_and_diversity_are_shares_of_positions():
    codes = np.zeros((1, 3, 2, 1, 2, 2), np.int64)
    codes[0, 2, 1, 0, 0] = 5
    assert agreement(codes[0, 0], codes[0, 2]).tolist() == [1, 0.5]
    assert diversity(codes).tolist() == [[0, pytest.approx(1 / 3)]]
    with pytest.raises(InputError, match="at least 2"):
        diversity(codes[:, :1])


def test_an_interval_is_over_clips_not_over_steps():
    draw = np.random.default_rng(0)
    clips = np.repeat(draw.normal(0.1, 1, (20, 1)), 50, 1)
    together, apart = mean_over_clips(clips), mean_over_clips(clips.reshape(-1, 1))
    assert together["mean"] == pytest.approx(apart["mean"]) and together["clips"] == 20
    assert not excludes_zero(together) and excludes_zero(apart)
    assert mean_over_clips(np.ones((1, 3)))["ci95"] is None and not excludes_zero(mean_over_clips(np.ones((1, 3))))
