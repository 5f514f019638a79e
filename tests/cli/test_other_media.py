"""The command line on what is not speech: a corpus of another medium is described, and not taken for recordings."""

import json

import pytest
import toy
from typer.testing import CliRunner

from vqspeech.cli.main import app

pytest_plugins = ["vqspeech.testing.fixtures"]

SOURCE = """
import types, pathlib, vqspeech
from vqspeech.registry.specs import CorpusSpec

@vqspeech.hookimpl
def register_corpora():
    return [CorpusSpec(name="shapes", target=read, summary="shapes", licence="none", media="image")]

def read(root):
    return types.SimpleNamespace(
        name="shapes", root=pathlib.Path(root), variant="squares", counts={"images": 7},
        skipped={"a.txt": "no image"}, notes=("flat",))
"""


@pytest.fixture
def shapes(fake_dist, isolated_registry):
    fake_dist("vqspeech-shapes", SOURCE)
    isolated_registry()


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_check_tells_what_the_corpus_counts(shapes, tmp_path):
    out = run("corpora", "check", "shapes", "--data-dir", tmp_path).stdout
    assert "images      7" in out and "a.txt: no image" in out and "flat" in out
    assert json.loads(run("corpora", "check", "shapes", "--data-dir", tmp_path, "--json").stdout)["images"] == 7


def test_recordings_are_not_expected_of_it(shapes, tmp_path):
    prepared = run("corpora", "prepare", "shapes", "--data-dir", tmp_path, "--out", tmp_path / "o")
    trained = run("recipe", "run", "vctk", "--corpus", "shapes", "--data-dir", tmp_path, "--out", tmp_path / "r")
    for result in (prepared, trained):
        assert result.exit_code == 2 and "holds image" in " ".join(result.stderr.split())


@pytest.fixture
def toys(fake_dist, isolated_registry):
    fake_dist("vqspeech-toys", toy.SOURCE)
    isolated_registry()


@pytest.mark.parametrize("kind", ["sequences", "grids", "levels"])
def test_codes_of_any_modality_are_analysed(toys, kind, tmp_path):
    path = toy.toy_run(tmp_path / "run", kind)
    found = json.loads(run("analyze", "codebook", path, "--set", "split=train", "--json").stdout)
    assert found["items"] == 18
    assert all(0 < book["perplexity"] <= book["size"] for book in found["codebooks"])
    assert run("analyze", "codebook", path, "--out", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "report" / "index.html").is_file()


def test_an_analysis_of_speech_refuses_other_codes(toys, tmp_path):
    result = run("analyze", "phonemes", toy.toy_run(tmp_path / "run"))
    assert result.exit_code == 2
    for word in ("'phonemes'", "audio", "'toy'"):
        assert word in result.stderr


def test_alignments_are_for_speech(toys, shapes, tmp_path):
    path = toy.toy_run(tmp_path / "run")
    result = run("analyze", "codebook", path, "--corpus", "shapes", "--data-dir", tmp_path, "--alignments", tmp_path)
    assert result.exit_code == 2
    assert "'shapes' holds image" in result.stderr
