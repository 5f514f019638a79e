"""The second stage: a few latents of a whole image reach every code of it, and samples follow them."""

import numpy as np
import pytest
import torch
from test_contract import SECOND, second_of
from test_evaluation import level_of
from vqspeech_image.evaluation.latents import latent_use, someone_else
from vqspeech_image.two_stage import two_stage

from vqspeech.errors import ConfigError
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.priors.draws import uniform_grid
from vqspeech.nn.priors.naive import sample_naive
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.training import run as runs
from vqspeech.training.codes import load_prior

SPACE = CodeSpace(codebook_sizes=(5, 4), grid=(8, 9))
SMALL = {key: value for key, value in SECOND.items() if key not in ("name", "conditioned")}


def model():
    torch.manual_seed(0)
    return two_stage(SPACE, **SMALL).eval()


def grids(count):
    return torch.stack([torch.randint(size, (count, 8, 9)) for size in SPACE.codebook_sizes], 1)


def test_latents_have_their_own_codebooks_and_reach_every_code():
    two, codes = model(), grids(3)
    latents = two.encode(codes)
    assert latents.shape == (3, 3) and two.codebook_sizes == (8, 8, 8)
    before = two.decoder(codes, two.vector(latents))
    for number in range(3):
        other = latents.clone()
        other[:, number] = (other[:, number] + 1) % 8
        for one, moved in zip(before, two.decoder(codes, two.vector(other)), strict=True):
            assert (one != moved).any(-1).all(), f"latent {number} does not reach every position"


def test_shuffled_latents_are_those_of_the_next_image():
    two, batch = model(), CodeBatch(grids(4))
    wanted = two.decoder.nll(batch.codes, two.vector(two.encode(batch.codes)[[3, 0, 1, 2]])).mean()
    assert torch.equal(two.shuffled(batch), wanted)


def test_gradients_of_the_likelihood_reach_the_encoder():
    two, batch = model().train(), CodeBatch(grids(4))
    quantized = two.quantizer(two._latents(batch.codes))
    two.decoder.nll(batch.codes, quantized.z_q[:, :, 0]).mean().backward()
    assert two.embeddings[0].weight.grad.abs().sum() > 0


def test_latents_cannot_run_away_from_their_codebooks_together():
    two = model().train()
    with torch.no_grad():
        latents = two._latents(grids(64))[:, :, 0]
    assert latents.mean(0).abs().max() < 1e-5 and (latents.std(0, correction=0) - 1).abs().max() < 0.05
    assert torch.isfinite(two._latents(grids(1))).all(), "a row alone"


def test_samples_follow_the_latents():
    two = model()
    latents = two.encode(grids(3))
    wanted = sample_naive(two.decoder, uniform_grid(4, range(3), 2, (8, 9)), two.vector(latents))
    assert torch.equal(two.sample_given(latents, seed=4), wanted)
    drawn = two.sample(5, seed=4)
    assert drawn.shape == (5, 2, 8, 9) and torch.equal(two.sample(2, seed=4), drawn[:2])


@pytest.mark.parametrize(
    "space, says",
    [
        ({"grid": (3, 9)}, "3 x 9 codes"),
        ({"grid": None}, "codes of None"),
        ({"conditions": 3}, "model.conditioned = false"),
        ({"above": CodeSpace(codebook_sizes=(2,), grid=(4, 3))}, "model.level"),
    ],
)
def test_codes_that_it_cannot_be_about(space, says):
    with pytest.raises(ConfigError, match=says):
        two_stage(CodeSpace(**{"codebook_sizes": (5,), "grid": (8, 9), **space}), **SMALL)


def test_it_is_trained_saved_and_loaded(tmp_path):
    values, run = second_of(tmp_path)
    train = {**values["train"], "steps": 2, "accelerator": "cpu"}
    config = runs.checked({**values, "modality": "codes", "train": train})
    runs.open_run(tmp_path / "two", config)
    runs.train(config, tmp_path / "two", runs.prepare(config, tmp_path / "two", run))
    loaded = load_prior(tmp_path / "two")
    assert loaded.step == 2 and loaded.space.grid == (7, 7) and loaded.model.codebook_sizes == (8, 8, 8)
    assert loaded.facts["plugins"]["prior"]["name"] == "two-stage"
    assert loaded.facts["plugins"]["quantizer"]["name"] == "grouped"


def test_everyone_is_given_the_latents_of_someone_else():
    for count in (2, 3, 10, 101):
        others = someone_else(count, seed=count)
        assert sorted(others) == list(range(count)) and (others != np.arange(count)).all()
    assert not np.array_equal(someone_else(10, 0), someone_else(10, 1))


@torch.no_grad()
def test_the_use_of_latents_is_what_the_model_says():
    two, level, rows = model(), level_of(grids(70), SPACE.codebook_sizes), np.arange(3, 70)
    use = latent_use(two, level, rows, seed=5)
    codes = torch.from_numpy(level.codes[rows].astype(np.int64))
    latents = two.encode(codes)
    others = latents[torch.from_numpy(someone_else(len(rows), 5))]
    assert use.true_nats == pytest.approx(float(two.decoder.nll(codes, two.vector(latents)).mean()), rel=1e-5)
    assert use.shuffled_nats == pytest.approx(float(two.decoder.nll(codes, two.vector(others)).mean()), rel=1e-5)
    for book in range(3):
        shares = torch.bincount(latents[:, book]).double() / len(rows)
        shares = shares[shares > 0]
        assert use.entropy_bits[book] == pytest.approx(float(-(shares * shares.log2()).sum()))
        assert use.used[book] == len(shares)
