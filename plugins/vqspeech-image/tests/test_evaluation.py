"""Bits per dimension and their yardsticks, against the formulas written out."""

import math

import numpy as np
import pytest
import torch
from vqspeech_image.evaluation.accounting import Accounting, uniform_words, with_prior
from vqspeech_image.evaluation.codes import prior_nats, unigram_nats
from vqspeech_image.evaluation.references import gaussian_bits, histogram_bits, psnr_db
from vqspeech_image.nn.levels import Level

from vqspeech.codes import CodeLevel
from vqspeech.corpora.code_store import LevelCodes
from vqspeech.nn.priors.pixelcnn import pixelcnn
from vqspeech.nn.priors.protocol import CodeSpace


def paper():
    """The paper's figure, from its terms: 8 x 8 x 10 codes of 512, reconstruction 2.79 bits per dimension of 3072."""
    latent = 8 * 8 * 10 * math.log(512)
    reconstruction = 2.795 * 3072 * math.log(2)
    return Accounting(
        model="VQ-VAE", images=10, dimensions=3072, total_nats=reconstruction + latent,
        reconstruction_nats=reconstruction, latent_nats=latent,
        latent_words=uniform_words([Level("", (8, 8), (512,) * 10)]), standard_error=0.01,
    )  # fmt: skip


def test_the_paper_s_sum():
    found = paper()
    assert found.latent_nats / (3072 * math.log(2)) == pytest.approx(1.875)
    assert found.bits_per_dimension == pytest.approx(4.67)
    text = "\n".join(found.lines())
    assert "2.7950 bits/dim" in text and "1.8750 bits/dim" in text and "4.6700 bits/dim" in text
    assert "8 x 8 x 10 codes x log 512, uniform prior" in text


def test_levels_are_added_up():
    levels = [Level("top", (4, 4), (16, 16)), Level("bottom", (8, 8), (512, 8))]
    assert levels[0].nats == pytest.approx(32 * math.log(16)) and levels[0].codes == 32
    assert levels[1].nats == pytest.approx(64 * (math.log(512) + math.log(8)))
    wanted = "4 x 4 x 2 codes x log 16 and 8 x 8 positions x (log 512 + log 8), uniform prior"
    assert uniform_words(levels) == wanted


def test_a_learned_prior_replaces_the_uniform_one_and_nothing_else():
    learned = with_prior(paper(), 640 * 5.0, "PixelCNN")
    assert learned.reconstruction_nats == paper().reconstruction_nats
    assert learned.bits_per_dimension == pytest.approx(2.795 + 640 * 5 / (3072 * math.log(2)))


def level_of(codes, sizes):
    codes = np.asarray(codes, np.int32)
    space = CodeSpace(codebook_sizes=sizes, grid=codes.shape[2:])
    level = CodeLevel(codebook_sizes=sizes, grid=codes.shape[2:])
    return LevelCodes(level=level, codes=codes, above=None, space=space, conditions=np.full(len(codes), -1))


def test_frequencies_cost_their_cross_entropy():
    codes = level_of([[[[0, 0], [0, 1]]], [[[0, 1], [1, 1]]]], (2,))
    wanted = -(math.log(3.5 / 5) + 3 * math.log(1.5 / 5)) / 4
    assert unigram_nats(codes, np.array([0]), np.array([1])) == pytest.approx(wanted)


def test_prior_nats_are_means_per_code():
    torch.manual_seed(0)
    level = level_of(np.random.default_rng(0).integers(0, 3, (70, 2, 3, 3)), (3, 3))
    model = pixelcnn(level.space, layers=2, width=4, head_width=4).eval()
    wanted = model.nll(torch.from_numpy(level.codes.astype(np.int64))).mean().item()
    assert prior_nats(model, level, np.arange(70), conditioned=False) == pytest.approx(wanted, rel=1e-5)


def test_the_gaussian_is_a_density_of_noisy_pixels(images):
    """Of independent uniform pixels it costs more than their 8 bits, and of a slope far less."""
    draw = np.random.default_rng(0)
    flat = draw.integers(0, 256, (4000, 2, 2, 1), dtype=np.uint8)
    assert (
        8.0
        <= gaussian_bits(flat[:3000], flat[3000:])
        == pytest.approx(8.0 + 0.5 * math.log2(2 * math.pi * math.e / 12), abs=0.02)
    )
    smooth = images(400, 4, 4, 1)
    assert gaussian_bits(smooth[:300], smooth[300:]) < histogram_bits(smooth[:300], smooth[300:])
    assert gaussian_bits(smooth[:10], smooth[300:]) is None, "fewer images than dimensions"


def test_histogram_of_two_values_costs_a_bit():
    pixels = np.random.default_rng(0).choice(np.array([3, 200], np.uint8), (2000, 4, 4, 3))
    assert histogram_bits(pixels, pixels) == pytest.approx(1, abs=0.02)


def test_psnr_is_its_definition():
    one = np.full((2, 4, 4, 3), 100, np.uint8)
    assert psnr_db(one, one + 5) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr_db(one, one - 5) == psnr_db(one, one + 5) and psnr_db(one, one) == math.inf
