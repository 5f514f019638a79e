"""The prepared data of a run come from one folder."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from vqspeech.config import RunConfig
from vqspeech.errors import CheckpointError, CorpusError
from vqspeech.runs import RunDirectory, data, prepare


class Words:
    """A modality whose store holds the name of the folder that it was made from."""

    def prepare(self, config, data_dir, directory, progress):
        if data_dir.name == "missing":
            raise CorpusError("no such folder")
        directory.mkdir(parents=True)
        (directory / "facts.json").write_text(json.dumps(str(data_dir)))
        progress(1, 1)
        return self.open(directory)

    def open(self, directory):
        root = Path(json.loads((directory / "facts.json").read_text()))
        return SimpleNamespace(corpus=SimpleNamespace(root=root))


@pytest.fixture(autouse=True)
def words(monkeypatch):
    monkeypatch.setattr(data, "modality", lambda config: Words())


def root(run, folder):
    return prepare(RunConfig(), run, folder).corpus.root


def test_a_store_is_made_once(tmp_path):
    assert root(tmp_path / "run", tmp_path / "a") == tmp_path / "a"
    assert root(tmp_path / "run", None) == tmp_path / "a"
    assert root(tmp_path / "run", tmp_path / "a" / "wav") == tmp_path / "a"
    assert root(tmp_path / "run", tmp_path) == tmp_path / "a"


def test_a_folder_is_the_same_through_a_link(tmp_path):
    (tmp_path / "a" / "wav").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "link").symlink_to("a")
    run = RunDirectory(tmp_path / "run")
    assert root(run.path, tmp_path / "a") == tmp_path / "a"
    run.checkpoint(1).mkdir(parents=True)
    assert root(run.path, tmp_path / "link") == tmp_path / "a"
    assert root(run.path, tmp_path / "link" / "wav") == tmp_path / "a"
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("b")
    with pytest.raises(CheckpointError, match=r"holds data of .*a, not of .*link"):
        root(run.path, tmp_path / "link")


def test_another_folder_is_refused_once_there_is_a_checkpoint(tmp_path):
    run = RunDirectory(tmp_path / "run")
    root(run.path, tmp_path / "wrong")
    assert root(run.path, tmp_path / "right") == tmp_path / "right"
    run.checkpoint(1).mkdir(parents=True)
    with pytest.raises(CheckpointError, match=r"holds data of .*right, not of .*wrong.*--fresh"):
        root(run.path, tmp_path / "wrong")


def test_the_store_stays_when_another_folder_cannot_be_read(tmp_path):
    root(tmp_path / "run", tmp_path / "a")
    with pytest.raises(CorpusError):
        root(tmp_path / "run", tmp_path / "missing")
    assert root(tmp_path / "run", None) == tmp_path / "a"
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["store"]
