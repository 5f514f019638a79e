"""The second stage: a few latents of a whole image reach every code of it, and samples follow them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from vqspeech_image.code_store import CodeCorpus, CodeStore
from vqspeech_image.config import two_stage_model
from vqspeech_image.evaluation.latents import latent_use, someone_else
from vqspeech_image.models import CodeFacts, build_two_stage, load_prior, load_two_stage
from vqspeech_image.nn.levels import Level
from vqspeech_image.sampling.cached import sample_cached
from vqspeech_image.sampling.draws import uniform_grid
from vqspeech_image.sampling.naive import sample_naive

from vqspeech.errors import CheckpointError, ConfigError
from vqspeech.nn.batch import CodeBatch
from vqspeech.training import run as runs

SMALL = {"dim": 6, "encoder_width": 8, "layers": 2, "width": 8, "head_width": 8}
BOOKS = {"name": "grouped", "groups": 3, "codebook_size": 8}
FACTS = CodeFacts((8, 9), (5, 4), 0)


def model():
    torch.manual_seed(0)
    return build_two_stage(two_stage_model({**SMALL, "quantizer": BOOKS}), FACTS).eval()


def grids(count):
    return torch.stack([torch.randint(size, (count, 8, 9)) for size in FACTS.codebook_sizes], 1)


def test_latents_have_their_own_codebooks_and_reach_every_code():
    two, codes = model(), grids(3)
    latents = two.encode(codes)
    assert latents.shape == (3, 3) and two.codebook_sizes == (8, 8, 8)
    before = two.decoder(codes, two.told(latents))
    for number in range(3):
        other = latents.clone()
        other[:, number] = (other[:, number] + 1) % 8
        for one, moved in zip(before, two.decoder(codes, two.told(other)), strict=True):
            assert (one != moved).any(-1).all(), f"latent {number} does not reach every position"


def test_shuffled_latents_are_those_of_the_next_image():
    two, batch = model(), CodeBatch(grids(4), torch.zeros(4, dtype=torch.int64))
    wanted = two.decoder.nll(batch.codes, two.told(two.encode(batch.codes)[[3, 0, 1, 2]])).mean()
    assert torch.equal(two.shuffled(batch), wanted)


def test_gradients_of_the_likelihood_reach_the_encoder():
    two, batch = model().train(), CodeBatch(grids(4), torch.zeros(4, dtype=torch.int64))
    quantized = two.quantizer(two._latents(batch.codes))
    two.decoder.nll(batch.codes, quantized.z_q[:, :, 0]).mean().backward()
    assert two.embeddings[0].weight.grad.abs().sum() > 0


def test_latents_cannot_run_away_from_their_codebooks_together():
    two = model().train()
    with torch.no_grad():
        latents = two._latents(grids(64))[:, :, 0]
    assert latents.mean(0).abs().max() < 1e-5 and (latents.std(0, correction=0) - 1).abs().max() < 0.05
    assert torch.isfinite(two._latents(grids(1))).all(), "a row alone"


def test_samples_are_told_the_latents():
    two = model()
    told, uniform = two.told(two.encode(grids(3))), uniform_grid(0, range(3), 2, (8, 9))
    assert torch.equal(sample_cached(two.decoder, uniform, told), sample_naive(two.decoder, uniform, told))


def test_a_grid_that_is_too_small():
    with pytest.raises(ConfigError, match="3 x 9 codes"):
        build_two_stage(two_stage_model({**SMALL, "quantizer": BOOKS}), CodeFacts((3, 9), (5,), 0))


def test_it_is_trained_saved_and_loaded(tmp_path):
    from test_contract import second_stage

    values, run = second_stage(tmp_path)
    config = runs.checked(
        {**values, "modality": "image-two-stage", "train": {**values["train"], "steps": 2, "accelerator": "cpu"}}
    )
    runs.open_run(tmp_path / "two", config)
    runs.train(config, tmp_path / "two", runs.prepare(config, tmp_path / "two", run))
    loaded = load_two_stage(tmp_path / "two")
    assert loaded.step == 2 and loaded.codes.grid == (7, 7) and loaded.model.codebook_sizes == (8, 8, 8)
    with pytest.raises(CheckpointError, match="'image-two-stage', not 'image-prior'"):
        load_prior(tmp_path / "two")


def test_everyone_is_given_the_latents_of_someone_else():
    for count in (2, 3, 10, 101):
        others = someone_else(count, seed=count)
        assert sorted(others) == list(range(count)) and (others != np.arange(count)).all()
    assert not np.array_equal(someone_else(10, 0), someone_else(10, 1))


@torch.no_grad()
def test_the_use_of_latents_is_what_the_model_says(store_of_codes):
    two, store, rows = model(), store_of_codes(grids(70)), np.arange(3, 70)
    use = latent_use(two, store, rows, seed=5)
    codes = torch.from_numpy(store.codes[rows].astype(np.int64))
    latents = two.encode(codes)
    others = latents[torch.from_numpy(someone_else(len(rows), 5))]
    assert use.true_nats == pytest.approx(float(two.decoder.nll(codes, two.told(latents)).mean()), rel=1e-5)
    assert use.shuffled_nats == pytest.approx(float(two.decoder.nll(codes, two.told(others)).mean()), rel=1e-5)
    for book in range(3):
        shares = torch.bincount(latents[:, book]).double() / len(rows)
        shares = shares[shares > 0]
        assert use.entropy_bits[book] == pytest.approx(float(-(shares * shares.log2()).sum()))
        assert use.used[book] == len(shares)


@pytest.fixture
def store_of_codes():
    def make(codes):
        level = Level("", (8, 9), FACTS.codebook_sizes)
        return CodeStore(
            labels=np.full(len(codes), -1), splits=np.zeros(len(codes), np.uint8), levels=(level,), of={}, fingerprint="",
            grids=(codes.numpy().astype(np.int32),), corpus=CodeCorpus(Path(), "image-codes", "", (), {}, {}),
        )  # fmt: skip

    return make
