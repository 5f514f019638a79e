from __future__ import annotations

import os
import warnings

import pytest

from vqspeech import audio
from vqspeech.errors import InputError


def test_find_audio_searches_folders_and_takes_files_as_given(tmp_path):
    for name in ("b.WAV", "sub/a.flac", "notes.txt", ".hidden.wav", ".git/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = audio.find_audio([tmp_path, tmp_path / "b.WAV", tmp_path / "notes.txt"])
    assert found == [tmp_path / "b.WAV", tmp_path / "notes.txt", tmp_path / "sub" / "a.flac"]
    with pytest.raises(InputError, match="no such file or folder"):
        audio.find_audio([tmp_path / "nowhere"])
    (tmp_path / "void").mkdir()
    with pytest.raises(InputError, match=r"no audio found in .*void; looked for \*\.wav"):
        audio.find_audio([tmp_path / "void"])


def found_below(folder):
    return [str(path.relative_to(folder)) for path in audio.audio_below(folder)]


def test_a_link_to_a_folder_above_adds_nothing_and_is_named(tmp_path):
    for name in ("a/1.wav", "b/2.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    for link, target in (("a/again", ".."), ("l1", "."), ("l2", "."), ("b/a", "../a")):
        os.symlink(target, tmp_path / link)
    with pytest.warns(UserWarning, match=r"4 links to folders or files found elsewhere .*: a/again, b/a, l1, l2"):
        assert found_below(tmp_path) == ["a/1.wav", "b/2.wav"]


def test_links_to_other_places_are_followed_once(tmp_path):
    for name in ("far/x/1.wav", "far/2.wav", "data/real/3.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for link, target in (
        ("here", "../far"),
        ("there", "../far/x"),
        ("nothing.wav", "../gone"),
        ("4.wav", "../far/2.wav"),
    ):
        os.symlink(target, tmp_path / "data" / link)
    os.symlink("real/3.wav", tmp_path / "data" / "again.wav")
    os.symlink("../../data", tmp_path / "far" / "x" / "back")
    with pytest.warns(UserWarning, match=r"4 links .*: 4\.wav, again\.wav, here/x/back, there"):
        assert found_below(tmp_path / "data") == ["here/2.wav", "here/x/1.wav", "nothing.wav", "real/3.wav"]
    for link in ("4.wav", "again.wav", "there", "here/x/back"):
        (tmp_path / "data" / link).unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(found_below(tmp_path / "data")) == 4
