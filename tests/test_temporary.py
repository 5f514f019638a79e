"""Temporary files: those of the dead are cleared, those of the living are not."""

import os
import signal
import subprocess
import sys

import pytest

from vqspeech.temporary import clear_left, temporary_file, temporary_folder

HOLD = """
import sys, time
from pathlib import Path
from vqspeech.temporary import temporary_file
with temporary_file(Path(sys.argv[1])) as path:
    path.write_text("half")
    print(path.name, flush=True)
    time.sleep(60)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def other(tmp_path):
    """Another process that writes ``a.wav``, and the name of its temporary file."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "a.wav")], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    yield process, process.stdout.readline().strip()
    process.kill()
    process.wait()


def test_what_a_living_process_writes_stays_and_is_cleared_after_a_kill(other, tmp_path):
    process, name = other
    assert clear_left(tmp_path / "a.wav") == [tmp_path / name]
    assert names(tmp_path) == [name]
    process.send_signal(signal.SIGKILL)
    process.wait()
    with temporary_file(tmp_path / "a.wav") as mine:
        assert names(tmp_path) == [mine.name]
    assert names(tmp_path) == []


def test_only_leftovers_of_the_same_target_are_cleared(tmp_path):
    left = [".a.wav.0123abcd.tmp", "a.wav.4711.tmp", ".a.wav.part", ".a.wav.0123abcd.part"]
    others = [
        ".a.wav",
        "a.wav",
        ".b.wav.0123abcd.tmp",
        ".a.wav.notes.tmp",
        "a.wav.tmp",
        ".a.wav.x.part",
        "a.wav.part",
        ".a.wav.4711.tmp",
        "a.wav.old.tmp",
    ]
    for name in [*left, *others]:
        (tmp_path / name).touch()
    clear_left(tmp_path / "a.wav")
    assert names(tmp_path) == sorted(others)


def test_a_folder_is_cleared_with_its_files(tmp_path):
    (tmp_path / ".report.part").mkdir()
    (tmp_path / ".report.part" / "half").touch()
    with temporary_folder(tmp_path / "report") as made:
        (made / "half").touch()
        assert names(tmp_path) == [made.name]
    assert names(tmp_path) == []


@pytest.mark.parametrize("length", [240, 255])
def test_a_long_name_has_a_temporary_one(length, tmp_path):
    target = tmp_path / ("x" * (length - 4) + ".wav")
    with temporary_file(target) as path:
        path.replace(target)
    assert names(tmp_path) == [target.name]
