"""Two levels of codes: each says what it should, their cost is the sum, and samples follow from the top down."""

import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from test_contract import TOP, TRAIN, images
from vqspeech_image.building import build
from vqspeech_image.config import image_model
from vqspeech_image.evaluation.codes import swapped_bits
from vqspeech_image.models import decode, load_images
from vqspeech_image.nn.batch import ImageBatch
from vqspeech_image.store import ImageStore

from vqspeech.corpora.code_store import CodeStore
from vqspeech.errors import ConfigError
from vqspeech.generation import generate, require_priors
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.priors.draws import uniform_grid
from vqspeech.nn.priors.naive import sample_naive
from vqspeech.training import run as runs
from vqspeech.training.codes import load_prior

SHAPE = (16, 24, 3)
SMALL = {"kind": "vqvae2", "width": 8, "dim": 8, "residual_blocks": 0, "likelihood": "logistic", "mixtures": 1}
BOOKS = {"name": "grouped", "groups": 2, "codebook_size": 8}


def model(**values):
    torch.manual_seed(0)
    return build(
        image_model({**SMALL, "quantizer": BOOKS, "top_quantizer": {"name": "ema", "codebook_size": 5}, **values}),
        SHAPE,
    )


def pixels(count=4, seed=1):
    return torch.randint(256, (count, *SHAPE), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def test_codes_lie_on_two_grids_and_decode_to_pixels():
    two = model().eval()
    codes = two.encode(pixels())
    assert codes.top.shape == (4, 1, 2, 3) and codes.bottom.shape == (4, 2, 4, 6)
    assert [(level.name, level.grid, level.codebook_sizes) for level in two.levels] == [
        ("top", (2, 3), (5,)),
        ("bottom", (4, 6), (8, 8)),
    ]
    rebuilt = two.decode(*codes)
    assert rebuilt.shape == (4, *SHAPE) and rebuilt.dtype == torch.uint8
    assert torch.equal(rebuilt, two.reconstruct(pixels()))


def test_further_halvings_and_the_same_quantizer_twice():
    two = model(top_downsamplings=2, downsamplings=1, top_quantizer={}).eval()
    assert [level.grid for level in two.levels] == [(2, 3), (8, 12)] and two.codebook_sizes == (8, 8, 8, 8)
    assert two.reconstruct(pixels()).shape == (4, *SHAPE)


@pytest.mark.parametrize("likelihood", ["softmax256", "logistic", "gaussian", "bernoulli"])
def test_the_bound_is_the_reconstruction_and_both_levels(likelihood):
    two = model(likelihood=likelihood).eval()
    batch = ImageBatch(pixels(), torch.zeros(4, dtype=torch.int64))
    bound, terms, dimensions = two.bound(batch), two.loss(batch).terms, math.prod(SHAPE)
    assert bound.latent[0].item() == pytest.approx(6 * math.log(5) + 2 * 24 * math.log(8), rel=1e-6)
    assert torch.allclose(bound.total, bound.reconstruction + bound.latent)
    assert terms["nll"].item() == pytest.approx(bound.reconstruction.mean().item() / dimensions, rel=1e-5)
    assert terms["bound_nll"].item() == pytest.approx(bound.total.mean().item() / dimensions, rel=1e-5)


def test_the_bottom_quantizer_sees_the_top_codes_and_the_decoder_sees_both():
    two = model().eval()
    features = two.encoder(pixels(1))
    codes = two.encode(pixels(1))
    before = two.decoder_input(*codes)
    for row, column in ((0, 0), (1, 2)):
        other = codes.top.clone()
        other[0, 0, row, column] = (other[0, 0, row, column] + 1) % 5
        cell = (slice(2 * row, 2 * row + 2), slice(2 * column, 2 * column + 2))
        raised = [two._top_grid(two.top_quantizer.decode(top.flatten(2))) for top in (codes.top, other)]
        latents = [two._bottom_latents(features, one) for one in raised]
        assert (latents[0] != latents[1]).any(1)[0][cell].all(), "bottom latents do not see the top code"
        assert (before != two.decoder_input(other, codes.bottom)).any(1)[0][cell].all(), (
            "the decoder does not see the top code"
        )
    fine = codes.bottom.clone()
    fine[0, 1, 3, 5] = (fine[0, 1, 3, 5] + 1) % 8
    moved = (before != two.decoder_input(codes.top, fine)).any(1)[0]
    assert moved[3, 5] and moved.sum() == 1, "a bottom code is not where it lies"


def test_use_of_codes_is_counted_at_both_levels():
    """Top codes count once for each fine position, so use and perplexity are those of the coarse grid."""
    two = model().eval()
    counted, codes = two.latents(pixels()).codes, two.encode(pixels())
    assert counted.shape == (4, 3, 24)
    assert torch.equal(
        torch.bincount(counted[:, 0].flatten(), minlength=5), 4 * torch.bincount(codes.top.flatten(), minlength=5)
    )
    assert torch.equal(counted[:, 1:], codes.bottom.flatten(2))


def test_both_codebooks_start_on_data():
    two = model(top_quantizer={"name": "ema", "codebook_size": 8}).train()
    batch = ImageBatch(pixels(32), torch.zeros(32, dtype=torch.int64))
    # BatchNorm has its usual statistics only later.
    two.start(batch, torch.Generator().manual_seed(0))
    assert all(len(codes.unique()) >= 4 for codes in two.encode(batch.pixels))


@pytest.mark.parametrize(
    "values, says",
    [
        ({"grid": "single"}, "two grids"),
        ({"downsamplings": 3}, "multiples of 16"),
        ({"top_quantizer": {"codebook_size": 5}}, "top_quantizer.name"),
        ({"top_downsamplings": 0}, "top_downsamplings"),
    ],
)
def test_values_that_cannot_be(values, says):
    with pytest.raises(ConfigError, match=says):
        model(**values)


class Trained:
    """A model of two levels and its priors, each trained for two steps."""

    PRIOR: ClassVar = {"name": "pixelcnn", "layers": 2, "width": 8, "first_kernel": 3, "head_width": 8, "top_blocks": 1}

    def __init__(self, folder):
        values, data = images(**TOP, normalisation="none")(folder)
        self.run = self.train(folder / "run", {**values, "modality": "image"}, data)
        self.priors = {level: self.train(folder / level, self.prior(level), self.run) for level in ("top", "bottom")}

    def prior(self, level, **model):
        more = {"attention": {"blocks": 1, "heads": 2, "head_width": 4}} if level == "top" else {"conditioned": False}
        return {"modality": "codes", "model": {**self.PRIOR, **more, "level": level, **model}}

    def train(self, run, values, data):
        config = runs.checked({**values, "train": {**TRAIN, "steps": 2, "weight_average": 0.0, "accelerator": "cpu"}})
        runs.open_run(run, config)
        runs.train(config, run, runs.prepare(config, run, data))
        return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return Trained(tmp_path_factory.mktemp("two-levels"))


def test_the_store_holds_the_codes_of_both_levels(trained):
    model, store = load_images(trained.run).model, CodeStore.open(trained.priors["top"] / "store")
    image = torch.from_numpy(ImageStore.open(trained.run / "store").pixels[3:4].copy())
    codes = model.encode(image)
    top, bottom = store.at("top"), store.at("bottom")
    assert (top.codes[3] == codes.top[0].numpy()).all() and top.above is None and top.space.above is None
    assert (bottom.codes[3] == codes.bottom[0].numpy()).all() and (bottom.above == top.codes).all()
    assert bottom.space.above == top.space and bottom.space.grid == (14, 14) and top.space.grid == (7, 7)
    assert store.condition_names == tuple("0123456789")
    assert "top codes 7 x 7 x 1 and bottom codes 14 x 14 x 1" in store.corpus.variant


def test_swapping_a_level_takes_the_codes_of_the_next_image(trained):
    model, store = load_images(trained.run).model, ImageStore.open(trained.run / "store")
    rows, codes = np.array([2, 7, 4]), CodeStore.open(trained.priors["top"] / "store")
    pixels = torch.from_numpy(store.pixels[rows])
    top, bottom = model.encode(pixels)
    found = swapped_bits(model, store, codes, rows)
    wanted = model.nll_of(pixels, top[[1, 2, 0]], bottom).mean().item() / math.log(2)
    assert found["top"] == pytest.approx(wanted, rel=1e-5)
    wanted = model.nll_of(pixels, top, bottom[[1, 2, 0]]).mean().item() / math.log(2)
    assert found["bottom"] == pytest.approx(wanted, rel=1e-5)


def test_samples_are_drawn_from_the_top_down(trained):
    """Draw for draw those of the naive sampler, the same however many are drawn, and decoded to pixels."""
    loaded = load_images(trained.run)
    top, bottom = require_priors(loaded, [load_prior(trained.priors[level]) for level in ("bottom", "top")])
    table = generate(loaded, [top, bottom], 2, conditions=["3", "1"], seed=5)
    coarse = sample_naive(top.model, uniform_grid(5, range(2), 1, (7, 7)), torch.tensor([3, 1]))
    fine = sample_naive(bottom.model, uniform_grid(5, range(2), 1, (14, 14), level=1), coarse=coarse)
    for number, row in enumerate(table):
        drawn = table.split_levels(row.codes)
        assert np.array_equal(drawn[0], coarse[number]) and np.array_equal(drawn[1], fine[number])
    pixels = np.concatenate(list(decode(loaded, table)))
    assert np.array_equal(pixels, loaded.model.decode(coarse, fine).numpy()) and pixels.shape == (2, 28, 28, 1)


def test_levels_draw_independent_numbers():
    assert not torch.equal(uniform_grid(0, range(1), 1, (2, 2)), uniform_grid(0, range(1), 1, (2, 2), level=1))


@pytest.mark.parametrize("level", ["", "bottom"])
def test_a_level_that_the_codes_do_not_have(trained, tmp_path, level):
    """Codes of two levels need one to be named, codes of one have none."""
    if level:
        run = trained.train(tmp_path / "run", {**images()(tmp_path)[0], "modality": "image"}, tmp_path)
    else:
        run = trained.run
    with pytest.raises(ConfigError, match=r"need model.level = ''$" if level else "'top' or model.level = 'bottom'"):
        trained.train(tmp_path / "prior", trained.prior(level), run)


def test_shuffled_top_codes_are_those_of_the_next_image(trained):
    prior = load_prior(trained.priors["bottom"])
    torch.manual_seed(0)
    codes, top = torch.randint(8, (4, 1, 14, 14)), torch.randint(15, (4, 1, 7, 7))
    batch = CodeBatch(codes, above=top)
    swapped = batch._replace(above=top[[3, 0, 1, 2]])
    assert torch.equal(prior.model.shuffled(batch), prior.model.loss(swapped).terms["nll"])
    assert prior.model.shuffled(batch) != prior.model.loss(batch).terms["nll"]
