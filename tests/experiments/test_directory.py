"""Directories of recipes: continued, started over, and never taken from other files."""

import json

import pytest

from vqspeech.errors import InputError
from vqspeech.experiments.directory import open_directory


def test_a_directory_is_made_and_continued(tmp_path):
    out = tmp_path / "a" / "b"
    open_directory(out, "tiny")
    (out / "runs").mkdir()
    open_directory(out, "tiny", contents=["runs"])
    assert (out / "runs").is_dir()
    assert json.loads((out / "experiment.json").read_text()) == {"recipe": "tiny"}


def test_fresh_deletes_what_the_recipe_makes_and_nothing_else(tmp_path):
    open_directory(tmp_path, "tiny")
    for name in ("runs", "store", "stages", "mine"):
        (tmp_path / name).mkdir()
    (tmp_path / "results.json").touch()
    open_directory(tmp_path, "tiny", contents=["runs"], fresh=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["experiment.json", "mine"]


def test_other_files_and_a_file_are_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="no run of the recipe 'tiny'"):
        open_directory(tmp_path, "tiny", fresh=True)
    with pytest.raises(InputError, match=r"thesis\.tex is a file"):
        open_directory(tmp_path / "thesis.tex", "tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_run_of_another_recipe_is_refused(tmp_path):
    open_directory(tmp_path, "tiny")
    (tmp_path / "runs").mkdir()
    with pytest.raises(InputError, match="recipe 'tiny', not of 'other'"):
        open_directory(tmp_path, "other", contents=["runs"], fresh=True)
    assert (tmp_path / "runs").is_dir()
