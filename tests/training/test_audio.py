"""The audio modality: what it checks before any work, and what it hands to the loop."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vqspeech.codec.load import load_speech
from vqspeech.config import RunConfig, parse
from vqspeech.corpora import folder
from vqspeech.corpora.store import prepare
from vqspeech.errors import CheckpointError, ConfigError, CorpusError, InputError, UnknownNameError
from vqspeech.training import run as runs
from vqspeech.training.audio import AudioModality


def check(**values):
    return AudioModality().check(parse(RunConfig, values))


@pytest.mark.parametrize(
    "values, error, message",
    [
        ({"model": {"preset": "papr"}}, UnknownNameError, r"unknown preset 'papr'"),
        ({"model": {"quantizer": {"name": "emma"}}}, UnknownNameError, r"unknown quantizer 'emma'.*Did you mean 'ema'"),
        (
            {"model": {"quantizer": {"name": "ema", "deccay": 0.9}}},
            UnknownNameError,
            r"Did you mean 'model\.quantizer\.decay'",
        ),
        ({"corpus": {"name": "vctc"}}, UnknownNameError, r"unknown corpus 'vctc'.*Did you mean 'vctk'"),
        ({"train": {"crop_samples": 60}}, ConfigError, r"train\.crop_samples = 60 is less than one code, 64 samples"),
    ],
)
def test_names_and_values_are_checked_before_any_work(values, error, message):
    with pytest.raises(error, match=message):
        check(**values)


def test_a_checked_configuration_is_complete_and_stays_so():
    config = check(model={"preset": "paper-vctk"})
    assert config.model["encoder"]["strides"] == [[4, 2]] * 6
    assert AudioModality().check(config) == config


def test_checking_draws_no_random_numbers():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    check()
    assert torch.equal(torch.rand(3), expected)


def test_options_that_a_reader_does_not_take_are_named_before_any_work():
    with pytest.raises(UnknownNameError, match=r"corpus\.options\.speker.*corpus\.options\.speakers"):
        check(corpus={"name": "folder", "options": {"speker": 3}})


def test_the_task_gives_batches_of_its_splits(make_config, store):
    task = AudioModality().task(make_config(), store)
    assert task.codebook_sizes == (8,)
    assert task.samples_per_step == 4 * 2560
    assert task.fingerprint == store.fingerprint
    valid = {store.speakers.index(store.rows[index].speaker) for index in store.indices("valid")}
    for number in range(5):
        assert set(task.validation_batch(number, 0, 1).speaker.tolist()) <= valid
    assert len(task.start_batch().waveform) == 6
    assert torch.equal(task.batch(3, 1, 2).waveform, task.batch(3, 0, 1).waveform[1::2])


@pytest.fixture
def partly_trained(tmp_path, tone):
    """A store of two speakers with training utterances, one with validation and one with test utterances only."""
    rows = ["path,speaker,split"]
    for speaker, split, seconds in (
        ("ann", "train", 0.5),
        ("bob", "valid", 0.3),
        ("cid", "train", 1.0),
        ("cid", "valid", 0.4),
        ("dan", "test", 0.3),
    ):
        tone(tmp_path / "data" / f"{speaker}-{split}.wav", seconds=seconds)
        rows.append(f"{speaker}-{split}.wav,{speaker},{split}")
    (tmp_path / "data/metadata.csv").write_text("\n".join(rows) + "\n")
    return prepare(folder.read(tmp_path / "data"), tmp_path / "made", workers=1)


def test_voices_are_the_speakers_of_the_training_split(make_config, partly_trained, tmp_path):
    with pytest.warns(UserWarning, match="validation without 1 of 2 utterances"):
        task = AudioModality().task(make_config(), partly_trained)
    assert task.model.decoder.conditioner.speaker.num_embeddings == 2
    assert set(task.validation_batch(0, 0, 1).speaker.tolist()) == {1}
    task.save(tmp_path / "made.checkpoint", task.model.state_dict(), 0, {})
    codec = load_speech(tmp_path / "made.checkpoint")
    assert codec.speakers == codec.heard_speakers == ("ann", "cid")
    assert codec.speaker_notes == {"ann": "0.00833 min of speech", "cid": "0.0167 min of speech"}


def test_validation_of_unknown_speakers_only_falls_back_to_training_utterances(make_config, tmp_path, tone):
    rows = ["path,speaker,split"]
    for speaker, split in (("ann", "train"), ("bob", "valid")):
        tone(tmp_path / "data" / f"{speaker}.wav")
        rows.append(f"{speaker}.wav,{speaker},{split}")
    (tmp_path / "data/metadata.csv").write_text("\n".join(rows) + "\n")
    store = prepare(folder.read(tmp_path / "data"), tmp_path / "made", workers=1)
    with pytest.warns(UserWarning, match="1 of 1 utterances.*training utterances are used instead"):
        task = AudioModality().task(make_config(), store)
    assert set(task.validation_batch(0, 0, 1).speaker.tolist()) == {0}


def test_the_run_keeps_the_data_it_was_made_of(make_config, store, tmp_path):
    config = make_config()
    runs.open_run(tmp_path / "run", config)
    made = runs.prepare(config, tmp_path / "run", store.corpus.root)
    assert made.fingerprint == store.fingerprint
    assert runs.prepare(config, tmp_path / "run", None).fingerprint == store.fingerprint
    with pytest.raises(CorpusError, match="elsewhere: no such folder"):
        runs.prepare(config, tmp_path / "run", tmp_path / "elsewhere")
    assert runs.prepare(config, tmp_path / "run", None).fingerprint == store.fingerprint


def test_a_run_directory_with_something_else_in_it_is_refused(make_config, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match=r"holds files but no run of vqspeech"):
        runs.open_run(tmp_path, make_config(), fresh=True)
    with pytest.raises(InputError, match=r"is a file; --out needs a directory"):
        runs.open_run(tmp_path / "thesis.tex", make_config())
    assert [path.name for path in Path(tmp_path).iterdir()] == ["thesis.tex"]


HARMONIC = {
    "name": "harmonic",
    "channels": 16,
    "frame_channels": 16,
    "dilations": [1],
    "pitch_channels": 8,
    "pitch_dilations": [1],
}


def test_a_decoder_of_pitch_gets_contours_and_its_speakers_range(make_config, store, tmp_path):
    config = make_config(model={"decoder": HARMONIC})
    runs.open_run(tmp_path / "run", config)
    made = runs.prepare(config, tmp_path / "run", store.corpus.root)
    assert (made.directory / "pitch.npy").is_file()
    # A preparation that ended between the two leaves a store without it.
    (made.directory / "pitch.npy").unlink()
    runs.prepare(config, tmp_path / "run", None)
    assert (made.directory / "pitch.npy").is_file()
    task = AudioModality().task(config, made)
    assert task.batch(0, 0, 1).f0 is not None
    means = task.model.decoder.pitch_mean.exp()
    assert means.tolist() == pytest.approx([110, 220, 330], rel=0.25)
    assert list(means) == sorted(means)


def test_a_decoder_of_a_higher_rate_learns_from_recordings_of_that_rate(make_config, store, tmp_path):
    config = make_config(model={"decoder": {**HARMONIC, "output_rate": 48000}})
    runs.open_run(tmp_path / "run", config)
    made = runs.prepare(config, tmp_path / "run", store.corpus.root)
    assert made.sample_rate == 16000
    task = AudioModality().task(config, made)
    batch = task.batch(0, 0, 1)
    assert batch.target.shape[1] == 3 * batch.waveform.shape[1]
    task.model.loss(batch, torch.Generator()).total.backward()
    runs.train(config, tmp_path / "run", made)
    assert load_speech(tmp_path / "run").output_rate == 48000
    with pytest.raises(CheckpointError, match=r"48000"):
        AudioModality().task(config, store)
    trimmed = replace(config, corpus=replace(config.corpus, trim_db=30.0))
    with pytest.raises(ConfigError, match=r"trim_db.*output_rate"):
        AudioModality().prepare(trimmed, store.corpus.root, tmp_path / "other", None)
