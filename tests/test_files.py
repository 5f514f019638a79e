"""Files and directories are whole or not there."""

import json
import math

import pytest

from vqspeech.files import put_in_place, whole_directory, whole_file, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_keeps_its_old_content_when_the_block_fails(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(OSError, match="full"), whole_file(tmp_path / "a") as partial:
        partial.write_text("ne")
        raise OSError("full")
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


@pytest.mark.parametrize("sync", [False, True])
def test_json_makes_its_folders_and_replaces(tmp_path, sync):
    path = tmp_path / "x" / "y.json"
    for value in ({"a": 1}, {"a": [1.5, None, "e"]}):
        assert write_json(path, value, sync=sync) == path
        assert json.loads(path.read_text()) == value
    assert names(path.parent) == ["y.json"]


def test_numbers_that_are_not_finite_become_null(tmp_path):
    value = {"a": math.nan, "b": [math.inf, (1, -math.inf)], "c": {"d": 0.5}}
    text = write_json(tmp_path / "a.json", value).read_text()
    assert json.loads(text) == {"a": None, "b": [None, [1, None]], "c": {"d": 0.5}}


def test_what_json_does_not_know_leaves_the_old_file(tmp_path):
    path = write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert names(tmp_path) == ["a.json"]
    assert json.loads(path.read_text()) == 1


@pytest.mark.parametrize("sync", [False, True])
def test_a_directory_is_replaced_as_a_whole(tmp_path, sync):
    path = tmp_path / "x" / "d"
    for name in ("old", "new"):
        with whole_directory(path, sync=sync) as partial:
            (partial / "below").mkdir()
            (partial / "below" / name).write_text(name)
            assert names(path) == ["below"] if path.exists() else name == "old"
    assert names(path / "below") == ["new"]
    assert names(path.parent) == ["d"]


def test_a_directory_stays_when_the_block_fails(tmp_path):
    path = tmp_path / "d"
    with whole_directory(path) as partial:
        (partial / "old").touch()
    with pytest.raises(KeyboardInterrupt), whole_directory(path) as partial:
        (partial / "new").touch()
        raise KeyboardInterrupt
    assert names(path) == ["old"]
    assert names(tmp_path) == ["d"]


def test_what_a_killed_process_left_is_cleaned_up(tmp_path):
    """A process that died with a half-written directory, or between the two renamings that replace one."""
    (tmp_path / ".d.part").mkdir()
    (tmp_path / ".d.part" / "half").touch()
    (tmp_path / ".d.old").mkdir()
    (tmp_path / ".d.old" / "old").touch()
    with pytest.raises(OSError, match="full"), whole_directory(tmp_path / "d") as partial:
        assert names(partial) == []
        raise OSError("full")
    (tmp_path / "made").mkdir()
    put_in_place(tmp_path / "made", tmp_path / "d")
    assert names(tmp_path) == ["d"]


def test_when_the_new_directory_cannot_be_renamed_the_old_one_stays(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "old").touch()
    with pytest.raises(OSError):
        put_in_place(tmp_path / "missing", tmp_path / "d")
    assert names(tmp_path) == ["d"]
    assert names(tmp_path / "d") == ["old"]
