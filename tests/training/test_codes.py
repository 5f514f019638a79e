"""The modality ``codes`` trains a prior by name over the codes of a run of any modality."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from stores import corpus_of, utterance
from tiny import save_codec
from toy import SOURCE, toy_run

from vqspeech.checkpoints.store import describe
from vqspeech.config import RunConfig
from vqspeech.corpora.code_store import CodeStore
from vqspeech.corpora.store import prepare
from vqspeech.errors import CheckpointError, ConfigError, InputError, UnknownNameError
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.testing.modalities import CHECKS, ModalitySubject
from vqspeech.training import run as runs
from vqspeech.training.codes import CodesModality

MODEL = {"name": "chain", "scale": 0.5}
TRAIN = {"batch_size": 6, "start_crops": 8, "weight_average": 0.0, "warmup_steps": 0, "learning_rate": 0.1}


@pytest.fixture(autouse=True)
def toy(fake_dist, isolated_registry):
    fake_dist("vqspeech-toys", SOURCE)
    isolated_registry()


def subject(kind, **model):
    def setup(folder):
        train = {**TRAIN, "crop_samples": 200} if kind == "sequences" else TRAIN
        return {"model": {**MODEL, **model}, "train": train}, toy_run(folder / "run", kind)

    return ModalitySubject("codes", setup)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "kind, model",
    [
        ("sequences", {}),
        ("grids", {"conditioned": False}),
        ("levels", {"level": "top"}),
        ("levels", {"level": "bottom"}),
    ],
)
def test_it_keeps_the_contract_of_modalities(kind, model, check):
    check(subject(kind, **model))


def prepared(tmp_path, kind, **model):
    run = toy_run(tmp_path / "run", kind)
    config = runs.checked({"modality": "codes", "model": {**MODEL, **model}, "train": {**TRAIN, "crop_samples": 200}})
    return config, runs.prepare(config, tmp_path / "prior", run)


def test_the_store_holds_the_codes_and_the_speakers_of_every_row(tmp_path):
    _, store = prepared(tmp_path, "sequences")
    source = CodesModality().open(tmp_path / "prior" / "store")
    assert isinstance(store, CodeStore) and store.fingerprint == source.fingerprint
    assert store.condition_names == ("a", "b", "c") and store.conditions.tolist()[:4] == [0, 1, 2, 0]
    numbers = np.random.default_rng(0)
    lengths = numbers.integers(1, 40, 24)
    level = store.at()
    assert level.codes.lengths.tolist() == lengths.tolist()
    assert np.array_equal(level.codes[0], numbers.integers(0, 5, (lengths[0], 2)))
    assert level.space == CodeSpace(codebook_sizes=(5, 5), conditions=3) and level.above is None
    assert store.source["run"] == str(tmp_path / "run") and len(store.source["codebook"]) == 64


def test_levels_are_stored_on_their_own_grids(tmp_path):
    _, store = prepared(tmp_path, "levels", level="bottom")
    numbers = np.random.default_rng(0)
    top, bottom = numbers.integers(0, 3, (24, 1, 2, 2)), numbers.integers(0, 5, (24, 2, 4, 4))
    level = store.at("bottom")
    assert np.array_equal(level.codes, bottom) and np.array_equal(level.above, top)
    assert level.space.above == CodeSpace(codebook_sizes=(3,), grid=(2, 2), conditions=3)
    assert store.at("top").space.grid == (2, 2) and store.at("top").above is None
    with pytest.raises(ConfigError, match=r"model.level = 'left'.*'top' or model.level = 'bottom'"):
        store.at("left")


def test_batches_of_sequences_are_stretches_with_their_lengths(tmp_path):
    config, store = prepared(tmp_path, "sequences")
    task = CodesModality().task(config, store)
    assert task.crop_frames == 20
    starts = set()
    for step in range(12):
        batch = task.batch(step, 0, 1)
        chosen = task._train.training(step)
        assert batch.lengths.tolist() == np.minimum(store.at().codes.lengths[chosen], 20).tolist()
        assert batch.condition.tolist() == store.conditions[chosen].tolist()
        for codes, length, row in zip(batch.codes, batch.lengths.tolist(), chosen, strict=True):
            whole = torch.from_numpy(store.at().codes[int(row)].astype(np.int64)).T
            places = [
                first for first in range(whole.shape[1] - length + 1)
                if torch.equal(codes[:, :length], whole[:, first : first + length])
            ]  # fmt: skip
            assert places and not codes[:, length:].any()
            starts.add(places[0])
        share = task.batch(step, 1, 2)
        assert share.share.frames == int(batch.lengths.sum()) and torch.equal(share.lengths, batch.lengths[1::2])
        assert torch.equal(share.codes, batch.codes[1::2])
    assert len(starts) > 3 and task.samples_per_step > 6 * 2


def test_training_learns_the_frequencies_of_each_condition(tmp_path):
    run = tmp_path / "run"
    toy_run(run, "grids", rows=64)
    config = runs.checked({"modality": "codes", "model": MODEL, "train": {**TRAIN, "steps": 60, "accelerator": "cpu"}})
    out = tmp_path / "prior"
    runs.open_run(out, config)
    runs.train(config, out, runs.prepare(config, out, run))
    path, facts = describe(out)
    loaded = CodesModality().load(path, facts)
    assert loaded.space == CodeSpace(codebook_sizes=(5, 5), grid=(3, 4), conditions=3)
    assert loaded.conditions == ("a", "b", "c") and facts["plugins"]["prior"]["name"] == "chain"
    assert facts["codes"]["source"]["modality"] == "toy" and facts["model"]["conditioned"] is True
    level = CodeStore.open(out / "store").at()
    rows = level.codes[level.conditions == 1][:, 0]
    wanted = np.bincount(rows.ravel(), minlength=5) / rows.size
    assert np.abs(loaded.model.logits[0][1].softmax(-1).detach().numpy() - wanted).max() < 0.12


def test_a_prior_without_conditions_sees_none(tmp_path):
    config, store = prepared(tmp_path, "grids", conditioned=False)
    task = CodesModality().task(config, store)
    assert task.space.conditions == 0 and task.batch(0, 0, 1).condition is None


def test_rows_without_a_speaker_are_named_before_training(tmp_path):
    run = toy_run(tmp_path / "run", "grids", labelled=False)
    config = runs.checked({"modality": "codes", "model": MODEL, "train": TRAIN})
    store = runs.prepare(config, tmp_path / "prior", run)
    with pytest.raises(ConfigError, match="6 of 24"):
        CodesModality().task(config, store)


@pytest.mark.parametrize(
    "values, error, says",
    [
        ({"model": {}}, ConfigError, "model.name"),
        ({"model": {"name": "chian"}}, UnknownNameError, "chain"),
        ({"model": {**MODEL, "scael": 1}}, UnknownNameError, r"model\.scael.*model\.scale"),
        ({"model": {**MODEL, "scale": "wide"}}, ConfigError, r"model\.scale"),
        ({"model": {**MODEL, "level": 3}}, ConfigError, r"model\.level"),
        ({"model": {**MODEL, "conditioned": "yes"}}, ConfigError, r"model\.conditioned"),
        ({"model": MODEL, "corpus": {"name": "folder"}}, ConfigError, "data-dir"),
    ],
)
def test_configurations_that_cannot_be_used(values, error, says):
    with pytest.raises(error, match=says):
        runs.checked({"modality": "codes", **values})


def test_a_run_is_needed_with_its_data(tmp_path):
    config = runs.checked({"modality": "codes", "model": MODEL})
    with pytest.raises(InputError, match="--data-dir"):
        CodesModality().prepare(config, None, tmp_path / "store", None)
    with pytest.raises(CheckpointError):
        CodesModality().prepare(config, tmp_path / "nowhere", tmp_path / "store", None)
    run = toy_run(tmp_path / "run", "grids")
    (run / "store").rename(run / "elsewhere")
    with pytest.raises(InputError, match="store"):
        CodesModality().prepare(config, run, tmp_path / "store", None)


def test_a_prior_does_not_encode_or_decode(tmp_path):
    config, store = prepared(tmp_path, "grids")
    out = tmp_path / "prior"
    train = RunConfig(modality="codes", model=config.model, corpus=config.corpus, train=config.train)
    task = CodesModality().task(train, store)
    task.save(out / "checkpoints" / "step-00000001", task.model.state_dict(), 1, {})
    loaded = CodesModality().load(*describe(out))
    for call in (
        lambda: CodesModality().encode(loaded, []),
        lambda: CodesModality().encode_store(loaded, store),
        lambda: CodesModality().decode(loaded, None, tmp_path, {}),
        lambda: CodesModality().preview(loaded, None, tmp_path),
    ):
        with pytest.raises(InputError, match="vqspeech sample"):
            call()


def test_a_damaged_description_is_an_error(tmp_path):
    config, store = prepared(tmp_path, "grids")
    task = CodesModality().task(config, store)
    path = tmp_path / "prior" / "checkpoints" / "step-00000001"
    task.save(path, task.model.state_dict(), 1, {})
    facts = describe(path)[1]
    del facts["codes"]["space"]
    with pytest.raises(CheckpointError, match="prior"):
        CodesModality().load(path, facts)
    assert math.isfinite(task.samples_per_step)


def test_held_out_rows_of_speakers_without_a_voice_are_omitted(tmp_path, tone):
    rows = [utterance(tone(tmp_path / "a.wav"), "p225"), utterance(tone(tmp_path / "b.wav"), "p226")]
    rows.append(dataclasses.replace(utterance(tone(tmp_path / "c.wav"), "p300"), split="test"))
    save_codec(tmp_path / "run")
    prepare(corpus_of(tmp_path, rows), tmp_path / "run" / "store", workers=1)
    config = runs.checked({"modality": "codes", "model": MODEL, "train": {**TRAIN, "crop_samples": 200}})
    store = runs.prepare(config, tmp_path / "prior", tmp_path / "run")
    assert store.conditions.tolist() == [0, 1]
