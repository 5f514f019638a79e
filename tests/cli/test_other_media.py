"""The command line on what is not speech: a corpus of another medium is described, and not taken for recordings."""

import json

import pytest
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
        name="shapes", root=pathlib.Path(root), variant="squares", counts={"images": 7}, skipped={"a.txt": "no image"}, notes=("flat",))
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
