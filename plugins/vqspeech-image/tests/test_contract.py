"""The modality and the priors keep their contracts, with every kind of model; importing the plugin is cheap."""

import pytest
from conftest import gradients
from layouts import idx

from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.testing import assert_light_import, modality_checks, prior_checks
from vqspeech.training import run as runs

TINY = {"width": 8, "dim": 8, "residual_blocks": 1, "likelihood": "logistic", "mixtures": 2, "pixel_share": 0.5}
BOOKS = {"name": "grouped", "groups": 2, "codebook_size": 8}
EMA = {"name": "ema", "codebook_size": 8}
TRAIN = {"batch_size": 4, "start_crops": 16, "gradient_clip": 0.0, "warmup_steps": 0}
PRIOR = {"name": "pixelcnn", "layers": 2, "width": 8, "head_width": 8}
SECOND = {
    "name": "two-stage",
    "conditioned": False,
    "dim": 6,
    "encoder_width": 8,
    "layers": 2,
    "width": 8,
    "head_width": 8,
    "quantizer": {"name": "grouped", "groups": 3, "codebook_size": 8},
}


def images(**model):
    def setup(folder):
        idx(folder, gradients)
        return {"corpus": {"name": "mnist"}, "model": {**TINY, "quantizer": BOOKS, **model}, "train": TRAIN}, folder

    return setup


def codes(folder, **model):
    """The run of a small model, whose codes the prior is trained on."""
    values, data_dir = images(**model)(folder)
    config = runs.checked({**values, "modality": "image", "train": {**TRAIN, "steps": 2, "accelerator": "cpu"}})
    run = folder / "run"
    runs.open_run(run, config)
    runs.train(config, run, runs.prepare(config, run, data_dir))
    return {"model": PRIOR, "train": {**TRAIN, "weight_average": 0.0}}, run


@modality_checks("image", images())
def test_vqvae(check):
    check()


@modality_checks("image", images(quantizer={"name": "vq", "codebook_size": 8}, grid="single", likelihood="bernoulli"))
def test_one_code_of_the_whole_image(check):
    check()


@modality_checks("image", images(kind="vqvae2", residual_blocks=0, top_downsamplings=1, downsamplings=1))
def test_two_levels(check):
    check()


TOP = {"kind": "vqvae2", "downsamplings": 1, "top_quantizer": {"name": "fsq", "levels": [5, 3]}, "quantizer": EMA}


@modality_checks("image", images(**TOP, likelihood="softmax256"))
def test_two_levels_of_different_quantizers(check):
    check()


@modality_checks("image", images(network="tfp", grid="single", likelihood="bernoulli", dim=4, quantizer=EMA))
def test_the_blog_s_network(check):
    check()


@modality_checks("image", images(kind="vae", likelihood="gaussian"))
def test_vae(check):
    check()


@modality_checks("image", images(kind="vimco", vimco={"samples": 3, "categories": 5}, likelihood="softmax256"))
def test_vimco(check):
    check()


@modality_checks("codes", codes)
def test_codes_of_images(check):
    check()


def prior_of(level):
    def setup(folder):
        values, run = codes(folder, **TOP, normalisation="none")
        return {**values, "model": {**values["model"], "level": level, "top_blocks": 1}}, run

    return setup


@modality_checks("codes", prior_of("bottom"))
def test_bottom_codes_given_top_codes(check):
    check()


def second_of(folder):
    values, run = codes(folder, **TOP, normalisation="none")
    return {**values, "model": {**SECOND, "level": "top"}}, run


@modality_checks("codes", second_of)
def test_a_second_stage_over_codes(check):
    check()


A_BOUND = "the likelihood is that given latents which are encoded from the codes: a bound, no distribution of codes"
LATENTS = "codes_used counts its latents, and shuffled swaps them"
BATCH_NORM = "BatchNorm computes statistics of the rows at hand"


@prior_checks(
    "two-stage",
    space=CodeSpace(codebook_sizes=(5, 3), grid=(4, 4)),
    options={key: value for key, value in SECOND.items() if key not in ("name", "conditioned")},
    expected_failures={
        **dict.fromkeys(("sums_to_one", "follow_the_likelihood"), A_BOUND),
        **dict.fromkeys(("terms", "conditions_matter"), LATENTS),
        **dict.fromkeys(("shares", "empty_batch", "two_processes"), BATCH_NORM),
    },
)
def test_two_stage(check):
    check()


@pytest.mark.parametrize("module", ["vqspeech_image"])
def test_importing_it_is_cheap(module):
    assert_light_import(module)
