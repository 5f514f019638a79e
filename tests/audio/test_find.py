from __future__ import annotations

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
