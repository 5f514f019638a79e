"""`vqspeech sample` draws from a prior by name and decodes through the run's modality."""

import json

import numpy as np
import pytest
import soundfile
import torch
from toy import SOURCE, toy_run
from typer.testing import CliRunner

from vqspeech.cli.main import app
from vqspeech.codec import load
from vqspeech.codes import CodeTable
from vqspeech.training.codes import load_prior

PRIOR = """
modality = "codes"
[model]
name = "chain"
[train]
steps = 2
batch_size = 6
crop_samples = 200
start_crops = 8
accelerator = "cpu"
"""


def vqspeech(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def priors(fake_dist, isolated_registry, tmp_path):
    """Runs `vqspeech train` on the codes of a kind of run; gives run and prior."""
    fake_dist("vqspeech-toys", SOURCE)
    isolated_registry()
    (tmp_path / "prior.toml").write_text(PRIOR)

    def train(kind, seed=0):
        run, prior = toy_run(tmp_path / f"run-{seed}", kind, seed=seed), tmp_path / f"prior-{seed}"
        done = vqspeech("train", tmp_path / "prior.toml", "--data-dir", run, "--out", prior)
        assert done.exit_code == 0, done.output
        return run, prior

    return train


def test_a_sequence_in_a_speakers_voice(priors, tmp_path):
    run, prior = priors("sequences")
    words = ["sample", run, "--prior", prior, "--seconds", 1.5, "--speaker", "b"]
    done = vqspeech(*words, "--out", tmp_path / "a" / "x.txt", "--codes", tmp_path / "c.parquet")
    assert done.exit_code == 0, done.output
    assert done.stdout.split() == [str(tmp_path / "c.parquet"), str(tmp_path / "a" / "x.txt")]
    (row,) = CodeTable.read(tmp_path / "c.parquet")
    assert row.codes.shape == (2, 15) and row.id == "x"
    assert (tmp_path / "a" / "x.txt").read_text() == f"b: {row.codes.tolist()}"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x.txt"]


def test_several_items_in_a_folder(priors, tmp_path):
    run, prior = priors("grids")
    done = vqspeech("sample", run, "--prior", prior, "--count", 3, "--out", tmp_path / "out", "--seed", 5)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "sample-0.txt",
        "sample-1.txt",
        "sample-2.txt",
    ]
    texts = [(tmp_path / "out" / f"sample-{number}.txt").read_text() for number in range(3)]
    assert [text[0] for text in texts] == ["a", "b", "c"]
    vqspeech("sample", run, "--prior", prior, "--count", 2, "--out", tmp_path / "again", "--seed", 5)
    assert (tmp_path / "again" / "sample-1.txt").read_text() == texts[1]


def test_what_cannot_be_is_refused(priors, tmp_path):
    run, prior = priors("grids")
    other, _ = priors("grids", seed=1)
    out = tmp_path / "out"
    for words, says in (
        ([other, "--prior", prior, "--out", out], "codebook"),
        ([run, "--prior", run, "--out", out], "no prior"),
        ([run, "--prior", prior, "--out", out / "x.txt", "--count", 2], "folder"),
        ([run, "--prior", prior, "--out", out, "--seconds", 2], "--seconds"),
        ([run, "--prior", prior, "--out", out, "--class", "z"], "'z'"),
        ([run, "--prior", prior, "--out", out, "--temperature", -1], "temperature -1"),
    ):
        result = vqspeech("sample", *words)
        assert result.exit_code == 2 and says in " ".join(result.output.split()), result.output
    assert not out.exists()


def test_files_of_a_user_are_not_replaced(priors, tmp_path):
    """Whatever the modality writes: texts do not say who wrote them."""
    run, prior = priors("grids")
    out = tmp_path / "out"
    out.mkdir()
    (out / "sample-1.txt").write_text("mine")
    for words in (["--count", 2, "--out", out], ["--out", out / "sample-1.txt"]):
        result = vqspeech("sample", run, "--prior", prior, *words)
        assert result.exit_code == 2 and "sample-1.txt exists" in result.stderr, result.output
    assert {path.name: path.read_text() for path in out.iterdir()} == {"sample-1.txt": "mine"}


def test_info_says_what_a_prior_is(priors):
    _, prior = priors("grids")
    text = vqspeech("info", prior).output
    assert "chain" in text and "numbers" in text and "run-0 (codebook" in text


SPEECH = """
[corpus]
name = "folder"
[model]
encoder = { strides = [[16, 8], [16, 8]], channels = 4, dim = 3 }
quantizer = { name = "vq", codebook_size = 16 }
decoder = { cycles = 1, layers_per_cycle = 1, residual_channels = 4, skip_channels = 4 }
[train]
steps = 2
batch_size = 4
crop_samples = 1024
start_crops = 4
accelerator = "cpu"
"""
OVER_SPEECH = PRIOR.replace('"chain"', '"pixelcnn"\nlayers = 2\nwidth = 8\nhead_width = 8')


@pytest.fixture(scope="module")
def speech(tmp_path_factory, tiny_corpus):
    """A model of speech and a prior over its codes, each trained for two steps by the command line."""
    folder = tmp_path_factory.mktemp("speech")
    (folder / "speech.toml").write_text(SPEECH)
    (folder / "prior.toml").write_text(OVER_SPEECH)
    for config, data, out in (("speech", tiny_corpus, "run"), ("prior", folder / "run", "prior")):
        done = vqspeech("train", folder / f"{config}.toml", "--data-dir", data, "--out", folder / out)
        assert done.exit_code == 0, done.output
    return folder / "run", folder / "prior", load(folder / "run").speakers


def test_speech_of_a_speaker_as_long_as_asked_for(speech, tmp_path):
    run, prior, speakers = speech
    words = ["sample", run, "--prior", prior, "--seconds", 0.1, "--seed", 3]
    done = vqspeech(*words, "--speaker", speakers[1], "--out", tmp_path / "new.wav", "--codes", tmp_path / "c.parquet")
    assert done.exit_code == 0, done.output
    waveform, rate = soundfile.read(tmp_path / "new.wav")
    assert rate == 16000 and len(waveform) == 1600
    (row,) = CodeTable.read(tmp_path / "c.parquet")
    assert row.speaker == speakers[1] and row.codes.shape == (1, 25)
    (tmp_path / "decoded").mkdir()
    again = [
        "decode",
        run,
        tmp_path / "c.parquet",
        "--speaker",
        speakers[1],
        "--seed",
        3,
        "--out",
        tmp_path / "decoded",
    ]
    assert vqspeech(*again).exit_code == 0
    assert (tmp_path / "decoded" / "new.wav").read_bytes() == (tmp_path / "new.wav").read_bytes()


def test_speech_needs_a_length_and_a_known_speaker(speech, tmp_path):
    run, prior, _ = speech
    words = ["sample", run, "--prior", prior, "--out", tmp_path / "new.wav"]
    for more, says in (([], "--seconds"), (["--seconds", 1, "--speaker", "nobody"], "'nobody'")):
        result = vqspeech(*words, *more)
        assert result.exit_code == 2 and says in result.output


def test_a_prior_of_speech_knows_what_it_is_of(speech):
    run, prior, speakers = speech
    loaded = load_prior(prior)
    assert loaded.conditions == speakers and loaded.space.conditions == len(speakers) and loaded.space.grid is None
    assert loaded.source["codebook"] == load(run).codebook and loaded.sample_rate == 64 * 250


@pytest.fixture(scope="module")
def going_on(tmp_path_factory, speech):
    """A WaveNet over the codes of the model of speech, and a recording."""
    folder = tmp_path_factory.mktemp("wavenet")
    config = PRIOR.replace('"chain"', '"wavenet"\nlayers_per_cycle = 2\nresidual_channels = 8\nconditioned = false')
    (folder / "prior.toml").write_text(config)
    done = vqspeech("train", folder / "prior.toml", "--data-dir", speech[0], "--out", folder / "prior")
    assert done.exit_code == 0, done.output
    assert "bits per code" in done.output and "trigrams" in done.output
    assert set(json.loads((folder / "prior" / "held_out.json").read_text())) >= {"bits", "bigram", "trigram", "unigram"}
    soundfile.write(folder / "in.wav", np.sin(np.arange(16_000) / 9) / 3, 16_000)
    return folder / "prior", folder / "in.wav"


def test_a_recording_is_continued(speech, going_on, tmp_path):
    (run, _, speakers), (prior, recording) = speech, going_on
    words = ["sample", run, "--prior", prior, "--prompt", recording, "--seconds", 0.1, "--speaker", speakers[0]]
    done = vqspeech(*words, "--count", 2, "--top-p", 0.9, "--out", tmp_path / "out", "--codes", tmp_path / "c.parquet")
    assert done.exit_code == 0, done.output
    first, second = CodeTable.read(tmp_path / "c.parquet")
    begin = load(run).encode(torch.from_numpy(soundfile.read(recording, dtype="float32")[0])[None])[0].numpy()
    assert first.codes.shape == (1, 250 + 25)
    assert np.array_equal(first.codes[:, :250], begin[:, :250])
    assert np.array_equal(second.codes[:, :250], begin[:, :250])
    assert not np.array_equal(first.codes, second.codes)
    assert len(soundfile.read(tmp_path / "out" / "sample-0.wav")[0]) == 275 * 64


def test_what_cannot_be_continued(speech, going_on, tmp_path):
    (run, other, speakers), (prior, recording) = speech, going_on
    soundfile.write(tmp_path / "short.wav", np.zeros(40), 16_000)
    words = ["sample", run, "--out", tmp_path / "x.wav", "--speaker", speakers[0]]
    for more, says in (
        (["--prior", prior, "--seconds", 1, "--prompt", tmp_path / "short.wav"], "less than one code"),
        (["--prior", prior, "--seconds", 1, "--prompt", tmp_path / "no.wav"], "no.wav"),
        (["--prior", prior, "--seconds", 0], "more than 0"),
        (["--prior", prior, "--seconds", 1, "--top-p", 0], "top-p 0"),
        (["--prior", other, "--seconds", 1, "--prompt", recording], "'pixelcnn'"),
        (["--prior", prior, "--seconds", 1, "--speaker", "nobody"], "'nobody'"),
    ):
        result = vqspeech(*words, *more)
        assert result.exit_code == 2 and says in " ".join(result.output.split()), result.output
    assert not (tmp_path / "x.wav").exists()


def test_speech_goes_where_it_was_asked_for(speech, tmp_path):
    run, prior, speakers = speech
    words = ["sample", run, "--prior", prior, "--frames", 4, "--speaker", speakers[0]]
    (tmp_path / "v1.5").mkdir()
    for out, made in (("new.flac", "new.flac"), ("v1.5", "v1.5/sample.wav"), ("v2.0", "v2.0/sample.wav")):
        done = vqspeech(*words, "--out", tmp_path / out)
        assert done.exit_code == 0 and done.stdout.split() == [str(tmp_path / made)], done.output
        assert soundfile.info(tmp_path / made).format == ("FLAC" if made.endswith("flac") else "WAV")
    for more, says in (
        (["--out", tmp_path / "x.mp3"], "'x.mp3'"),
        (["--out", tmp_path / "x.wav", "--count", 2], "--count 2"),
        (["--out", tmp_path / "x.wav", "--codes", tmp_path / "x.npz"], "x.npz"),
    ):
        result = vqspeech(*words, *more)
        assert result.exit_code == 2 and says.strip("'") in result.output, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.flac", "v1.5", "v2.0"]


def test_a_file_of_the_user_is_found_before_anything_is_drawn(speech, tmp_path, monkeypatch):
    run, prior, speakers = speech
    monkeypatch.setattr("vqspeech.generation.generate", lambda *_, **__: pytest.fail("codes were drawn"))
    for name in ("mine.wav", "mine.parquet", "sample-1.wav"):
        (tmp_path / name).write_text("mine")
    words = ["sample", run, "--prior", prior, "--frames", 4, "--speaker", speakers[0]]
    for more, says in (
        (["--out", tmp_path / "mine.wav"], "mine.wav exists"),
        (["--out", tmp_path, "--count", 2], "sample-1.wav exists"),
        (["--out", tmp_path / "x.wav", "--codes", tmp_path / "mine.parquet"], "mine.parquet exists"),
    ):
        result = vqspeech(*words, *more)
        assert result.exit_code == 2 and says in " ".join(result.output.split()), result.output
