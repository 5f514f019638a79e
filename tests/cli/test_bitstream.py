"""``vqspeech encode --bitstream`` and ``decode`` of one, as a user meets them."""

import re

import numpy as np
import pytest
import soundfile
import tiny
from commands import invoke

from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.encoding.tables import table_of

pytest.importorskip("constriction", reason="needs the extra bitstream")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run, and two recordings, the second of another rate."""
    folder = tmp_path_factory.mktemp("bitstreams")
    tiny.save_codec(folder / "run")
    (folder / "in").mkdir()
    draw = np.random.default_rng(0)
    soundfile.write(folder / "in" / "a.wav", 0.1 * draw.normal(size=5000), 16000)
    soundfile.write(folder / "in" / "b.wav", 0.1 * draw.normal(size=1600), 8000)
    return folder


def test_codes_are_those_of_a_table_and_speech_is_that_of_the_table(place, tmp_path):
    done = invoke("encode", place / "run", place / "in", "--bitstream", tmp_path / "a.vqs")
    assert done.exit_code == 0, done.output
    assert re.search(r"2 files, 0\.5 s of speech.*: \d+ bytes, \d+ bit/s", done.stdout)
    assert re.search(r"written as \d+; entropy of the codes \d+ bit/s, 1000 nominal", done.stdout)
    assert invoke("encode", place / "run", place / "in", "--out", tmp_path / "a.parquet").exit_code == 0
    words = ["--speaker", "p225", "--temperature", 0]
    for name in ("a.vqs", "a.parquet"):
        assert invoke("decode", place / "run", tmp_path / name, *words, "--out", tmp_path / name[2:]).exit_code == 0
    for name in ("a.wav", "b.wav"):
        assert (tmp_path / "vqs" / name).read_bytes() == (tmp_path / "parquet" / name).read_bytes()
    assert (tmp_path / "a.vqs").stat().st_size < (tmp_path / "a.parquet").stat().st_size
    assert len(CodeTable.read(tmp_path / "a.parquet")) == 2


def test_a_prepared_corpus(place, tmp_path):
    done = invoke("corpora", "prepare", "folder", "--data-dir", place / "in", "--out", tmp_path / "store")
    assert done.exit_code == 0, done.output
    done = invoke("encode", place / "run", tmp_path / "store", "--bitstream", tmp_path / "a.vqs")
    assert done.exit_code == 0 and "2 files, 0.5 s of speech" in done.stdout, done.output
    decode = ("decode", place / "run", tmp_path / "a.vqs", "--speaker", "p225", "--out", tmp_path / "out")
    assert invoke(*decode).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["in-a.wav", "in-b.wav"]


def test_one_recording_to_one_file_with_pitch(place, tmp_path):
    done = invoke("encode", place / "run", place / "in" / "a.wav", "--bitstream", tmp_path / "a.vqs", "--pitch")
    assert done.exit_code == 0, done.output
    assert re.search(r"pitch \d+, written as", done.stdout)
    done = invoke("decode", place / "run", tmp_path / "a.vqs", "--speaker", "p226", "--out", tmp_path / "b.wav")
    assert done.exit_code == 0, done.output
    assert soundfile.info(tmp_path / "b.wav").frames == 5000


def test_what_cannot_be_read_is_skipped_and_named(place, tmp_path):
    (tmp_path / "no.wav").write_text("no")
    words = ["encode", place / "run", tmp_path / "no.wav"]
    done = invoke(*words, place / "in" / "a.wav", "--bitstream", tmp_path / "a.vqs")
    assert done.exit_code == 0, done.output
    assert "1 file," in done.stdout and "1 skipped" in done.stdout and "no.wav" in done.stderr
    for inputs in ([], [tmp_path]):
        done = invoke(*words, *inputs, "--bitstream", tmp_path / "b.vqs")
        assert done.exit_code == 2 and "no.wav" in done.stderr
    assert not (tmp_path / "b.vqs").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        (["--bitstream", "a.bin"], "ends in .vqs"),
        (["--bitstream", "a.vqs", "--out", "a.parquet"], "omit --out"),
        (["--bitstream", "a.vqs", "--shard", "1/2"], "--shard"),
        ([], "--bitstream"),
        (["--bitstream", "mine.vqs"], "mine.vqs exists and is no bitstream"),
    ],
)
def test_what_cannot_be_encoded(place, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.vqs").write_text("shopping list")
    done = invoke("encode", place / "run", place / "in" / "a.wav", *words)
    assert done.exit_code == 2 and message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.vqs"]
    assert (tmp_path / "mine.vqs").read_text() == "shopping list"


def test_what_cannot_be_decoded(place, tmp_path):
    invoke("encode", place / "run", place / "in", "--bitstream", tmp_path / "a.vqs")
    words = ["--speaker", "p225", "--out", tmp_path / "out.wav"]
    done = invoke("decode", place / "run", tmp_path / "a.vqs", *words)
    assert done.exit_code == 2 and "2 recordings" in done.stderr
    (tmp_path / "cut.vqs").write_bytes((tmp_path / "a.vqs").read_bytes()[:-10])
    for name, message in [("cut.vqs", "cut short"), ("none.vqs", "No such file")]:
        done = invoke("decode", place / "run", tmp_path / name, *words)
        assert done.exit_code == 2 and name in done.stderr and message in done.stderr
    assert not (tmp_path / "out.wav").exists()


PRIOR = """
modality = "codes"
[model]
name = "wavenet"
layers_per_cycle = 2
residual_channels = 8
[train]
steps = 2
batch_size = 4
crop_samples = 1280
start_crops = 4
accelerator = "cpu"
"""


@pytest.fixture(scope="module")
def prior(place):
    """A prior over the codes of the model, trained for two steps on a table."""
    codec, draw = tiny.codec(), np.random.default_rng(0)
    rows = [
        UtteranceCodes(
            id=f"u{number}", speaker="", split="", path="", n_samples=40 * 64, codes=draw.integers(0, 16, (1, 40))
        )
        for number in range(40)
    ]
    table_of(codec, rows).write(place / "codes.parquet")
    (place / "prior.toml").write_text(PRIOR)
    done = invoke("train", place / "prior.toml", "--data-dir", place / "codes.parquet", "--out", place / "prior")
    assert done.exit_code == 0, done.output
    return place / "prior"


def test_a_prior_drives_the_coder(place, prior, tmp_path):
    words = [place / "run", place / "in" / "a.wav"]
    done = invoke("encode", *words, "--bitstream", tmp_path / "a.vqs", "--prior", prior)
    assert done.exit_code == 0, done.output
    assert re.search(r"codes \d+ bit/s by the prior", done.stdout)
    decode = ["decode", place / "run", tmp_path / "a.vqs", "--speaker", "p226", "--temperature", 0]
    done = invoke(*decode, "--out", tmp_path / "b.wav")
    assert done.exit_code == 2 and "'prior'" in done.stderr and "--prior" in done.stderr
    assert invoke(*decode, "--out", tmp_path / "b.wav", "--prior", prior).exit_code == 0
    assert invoke("encode", *words, "--bitstream", tmp_path / "c.vqs").exit_code == 0
    decode[2] = tmp_path / "c.vqs"
    assert invoke(*decode, "--out", tmp_path / "d.wav").exit_code == 0
    assert (tmp_path / "b.wav").read_bytes() == (tmp_path / "d.wav").read_bytes()


@pytest.mark.parametrize(
    "words, message",
    [
        (["--bitstream", "a.vqs", "--prior", "run"], "is no prior"),
        (["--bitstream", "a.vqs", "--speaker", "p225"], "omit it"),
        (["--bitstream", "a.vqs", "--speaker", "p225", "--prior", "prior"], "omit it"),
        (["--out", "a.parquet", "--prior", "prior"], "for --bitstream"),
    ],
)
def test_priors_that_cannot_be_used(place, prior, monkeypatch, words, message):
    monkeypatch.chdir(place)
    done = invoke("encode", "run", "in/a.wav", *words)
    assert done.exit_code == 2 and message in done.stderr
    assert not (place / "a.vqs").exists() and not (place / "a.parquet").exists()
