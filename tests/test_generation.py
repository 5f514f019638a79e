"""Codes drawn from priors belong to the model, and come level by level, in seconds or on a grid."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from toy import SOURCE, ToyModel, toy_run

from vqspeech.codec import load
from vqspeech.errors import CheckpointError, InputError, UnknownNameError
from vqspeech.generation import frames_of, generate, require_priors
from vqspeech.training import run as runs
from vqspeech.training.codes import load_prior

TRAIN = {"batch_size": 6, "start_crops": 8, "steps": 2, "accelerator": "cpu", "crop_samples": 200}


@pytest.fixture(autouse=True)
def toy(fake_dist, isolated_registry):
    fake_dist("vqspeech-toys", SOURCE)
    isolated_registry()


@pytest.fixture
def trained(tmp_path):
    """Trains a prior over the codes of a kind of run; gives the model and its priors."""

    def train(kind, levels=("",), **model):
        run = toy_run(tmp_path / "run", kind)
        priors = []
        for level in levels:
            values = {"modality": "codes", "model": {"name": "chain", "level": level, **model}, "train": TRAIN}
            config, out = runs.checked(values), tmp_path / f"prior{level}"
            runs.open_run(out, config)
            runs.train(config, out, runs.prepare(config, out, run))
            priors.append(load_prior(out))
        return load(run), priors

    return train


def test_sequences_have_the_length_that_is_asked_for(trained):
    model, priors = trained("sequences")
    assert frames_of(priors[0], 1.25) == 13
    table = generate(model, require_priors(model, priors), 4, frames=13, conditions=["b"], seed=3)
    assert [row.codes.shape for row in table] == [(2, 13)] * 4 and {row.n_samples for row in table} == {130}
    assert {row.speaker for row in table} == {"b"} and table.frame_rate_hz == 10
    assert (table.modality, table.codebook, table.codebook_sizes) == ("toy", priors[0].source["codebook"], (5, 5))
    again = generate(model, priors, 2, frames=13, conditions=["b"], seed=3)
    assert all(np.array_equal(one.codes, two.codes) for one, two in zip(again, table, strict=False))
    with pytest.raises(InputError, match="--seconds"):
        generate(model, priors, 1)


def test_conditions_are_taken_in_turn_all_of_them_when_none_is_given(trained):
    model, priors = trained("grids")
    with pytest.raises(InputError, match="--frames"):
        generate(model, priors, 1, frames=4)
    drawn = generate(model, priors, 5)
    assert [row.speaker for row in drawn] == ["a", "b", "c", "a", "b"] and drawn.grid == (3, 4)
    assert [row.speaker for row in generate(model, priors, 3, conditions=["c", "a"])] == ["c", "a", "c"]
    assert [row.id for row in generate(model, priors, 11)][:2] == ["sample-00", "sample-01"]
    with pytest.raises(UnknownNameError, match="'d'"):
        generate(model, priors, 1, conditions=["d"])
    with pytest.raises(InputError, match="no length in seconds"):
        frames_of(priors[0], 2)


def test_a_prior_without_conditions_names_none(trained):
    model, priors = trained("grids", conditioned=False)
    assert {row.speaker for row in generate(model, priors, 3)} == {""}


def test_finer_codes_are_drawn_given_the_coarser_ones_in_any_order_of_priors(trained, monkeypatch):
    model, (top, bottom) = trained("levels", ("top", "bottom"))
    given = []
    draw = bottom.model.sample
    monkeypatch.setattr(
        bottom.model, "sample", lambda count, **told: given.append(told["above"]) or draw(count, **told)
    )
    assert [prior.level for prior in require_priors(model, [bottom, top])] == ["top", "bottom"]
    table = generate(model, require_priors(model, [bottom, top]), 2)
    assert table.grid == (4, 4) and [level.name for level in table.levels] == ["top", "bottom"]
    coarse, fine = table.split_levels(table.rows[1].codes)
    assert torch.equal(given[0][1], torch.from_numpy(coarse)) and fine.shape == (2, 4, 4)


@pytest.mark.parametrize("chosen", [["top"], ["bottom"], ["top", "top"], ["top", "bottom", "bottom"]])
def test_one_prior_of_each_level_is_needed(trained, chosen):
    model, priors = trained("levels", ("top", "bottom"))
    named = {prior.level: prior for prior in priors}
    with pytest.raises(CheckpointError, match="one of each"):
        require_priors(model, [named[level] for level in chosen])


def test_a_prior_over_other_codes_is_refused(trained):
    model, priors = trained("grids")
    torch.manual_seed(9)
    other = dataclasses.replace(model, model=ToyModel((5, 5)))
    with pytest.raises(CheckpointError, match="codebook") as caught:
        require_priors(other, priors)
    assert caught.value.exit_code == 2


def test_a_model_is_no_prior(trained):
    model, _ = trained("grids")
    with pytest.raises(CheckpointError, match="no prior"):
        load_prior(model.path)
