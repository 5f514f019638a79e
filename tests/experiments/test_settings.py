"""Settings of a recipe: preset or file, then corpus, seed and overrides."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vqspeech.errors import InputError, UnknownNameError
from vqspeech.experiments import RecipeRequest
from vqspeech.experiments.settings import presets, read_preset, requested_corpus, resolve

SMALL = """
[corpus]
name = "demo"
options = { speakers = 2 }

[train]
steps = 3
"""


@pytest.fixture
def package(tmp_path, monkeypatch) -> str:
    """A recipe's package with two presets."""
    folder = tmp_path / "site" / "tiny_presets"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "small.toml").write_text(SMALL)
    (folder / "paper.toml").write_text("[train]\nsteps = 900\n")
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.delitem(sys.modules, "tiny_presets", raising=False)
    return "tiny_presets"


def request(**values) -> RecipeRequest:
    return RecipeRequest(name="tiny", out=Path("out"), **values)


def settings(package, corpus="demo", **values):
    return resolve(request(**values), package, corpus=corpus, preset="small", because="for a small machine")


def test_presets_are_the_toml_files_of_the_package(package):
    assert presets(package) == ("paper", "small")
    assert read_preset(package, "paper") == {"train": {"steps": 900}}


def test_the_default_preset_is_explained_and_one_that_the_user_names_is_not(package):
    default = settings(package)
    assert (default.preset, default.values["train"]) == ("small", {"steps": 3})
    assert "small, for a small machine" in default.choices[0]
    assert "paper" in default.choices[0]
    named = settings(package, overrides=("preset=paper", "train.steps=5"))
    assert (named.preset, named.values["train"], named.choices) == ("paper", {"steps": 5}, ())


def test_a_file_replaces_the_presets(package, tmp_path):
    config = tmp_path / "own.toml"
    config.write_text("[train]\nsteps = 7\n")
    own = settings(package, config=config)
    assert (own.preset, own.choices) == ("", ())
    assert own.values == {"train": {"steps": 7}, "corpus": {"name": "demo"}}


def test_seed_and_overrides_come_last(package):
    values = settings(package, seed=4, overrides=("train.steps=5", "seed=6")).values
    assert (values["seed"], values["train"]["steps"]) == (6, 5)


def test_options_belong_to_their_corpus(package):
    assert settings(package).values["corpus"] == {"name": "demo", "options": {"speakers": 2}}
    assert settings(package, corpus="folder").values["corpus"] == {"name": "folder"}


@pytest.mark.parametrize(("corpus", "used"), [("demo", False), ("folder", True)])
def test_the_data_folder_is_for_a_corpus_that_needs_one(package, tmp_path, corpus, used):
    assert settings(package, corpus=corpus, data_dir=tmp_path).data_dir == (tmp_path if used else None)


def test_the_corpus_that_the_user_names(tmp_path):
    config = tmp_path / "own.toml"
    config.write_text('[corpus]\nname = "timit"\n')
    assert requested_corpus(request()) is None
    assert requested_corpus(request(corpus="vctk")) == "vctk"
    assert requested_corpus(request(config=config)) == "timit"
    assert requested_corpus(request(config=config, corpus="vctk", overrides=("corpus.name='folder'",))) == "folder"


def test_unknown_presets_and_unreadable_files_are_errors(package, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'paper'"):
        settings(package, overrides=("preset=papper",))
    with pytest.raises(UnknownNameError, match="corpus 'vtck'"):
        settings(package, corpus="vtck")
    with pytest.raises(InputError, match=r"gone\.toml"):
        settings(package, config=tmp_path / "gone.toml")
